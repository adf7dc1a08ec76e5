"""The URL of a bucket: ``s3://bucket/prefix?region=eu-central-1``. Its keys are never in it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from djbundle.errors import DjbundleError

SCHEME = "s3"
NAME = "the URL of the bucket"  # in errors; the URL itself may have keys in it by mistake
EXAMPLE = "write it as in s3://bucket/prefix?region=eu-central-1"
PARAMETERS = (
    "endpoint",  # the URL of a service that is not Amazon's
    "region",
)


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """A bucket, and the place in it."""

    bucket: str
    prefix: str  # without a slash at its ends; "" for the whole bucket
    endpoint: str  # of a service that is not Amazon's; "" for Amazon's
    region: str  # "" if boto3 is to find it
    parameters: dict[str, str]  # all that the URL has

    @classmethod
    def parse(
        cls, url: str, name: str, error: type[DjbundleError], more_parameters: Collection[str] = (), advice: str = ""
    ) -> Self:
        """Parse a URL. Raise `error` about `name`, which is what the user has set. `advice` is added to its fix."""
        parts = _split(url, name, error, advice)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
        known = (*PARAMETERS, *more_parameters)
        if unknown := next((each for each in parameters if each not in known), None):
            raise error(f'{name} has the unknown parameter "{unknown}"', f"these are known: {', '.join(known)}")
        endpoint = parameters.get("endpoint", "")
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise error(f'the endpoint in {name} is not a URL: "{endpoint}"', "begin it with https://")
        return cls(parts.netloc, parts.path.strip("/"), endpoint, parameters.get("region", ""), parameters)


def _split(url: str, name: str, error: type[DjbundleError], advice: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:  # its message has the URL's parts
        raise error(f"{name} is not a valid URL", EXAMPLE) from None
    if parts.scheme != SCHEME:
        raise error(f'{name} has the unknown scheme "{parts.scheme}"', EXAMPLE + advice)
    if "@" in parts.netloc:
        raise error(f"{name} has keys in it", "give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not parts.netloc:
        raise error(f"{name} names no bucket", EXAMPLE)
    return parts
