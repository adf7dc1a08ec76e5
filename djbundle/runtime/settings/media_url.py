"""``MEDIA_URL`` names the bucket of uploads, as ``s3://bucket/prefix?region=eu-central-1``.

django-storages speaks to it. The keys come from ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, or from where else
boto3 finds them.
"""

from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from djbundle.common import service_variables
from djbundle.errors import SettingsError
from djbundle.runtime.settings import services
from djbundle.runtime.settings.overlay import Overlay
from djbundle.runtime.settings.services import ServiceVariable
from djbundle.storages import FILE_STORAGE

BACKEND = "storages.backends.s3.S3Storage"
PACKAGES = {"storages": "django-storages", "boto3": "boto3"}  # the modules that it needs, and their packages
SCHEME = "s3"
EXAMPLE = "write it as in s3://bucket/prefix?region=eu-central-1"
# As with files, an upload never replaces another one. Links are signed in the way that every region and service knows.
OPTIONS = {"file_overwrite": False, "signature_version": "s3v4"}
PARAMETERS = (
    "endpoint",  # the URL of a service that is not Amazon's
    "region",
    "public",  # 1: everybody may read the bucket, so links are not signed
    "domain",  # in links, instead of the bucket's own
)
YES, NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def use_media_stores(overlay: Overlay) -> None:
    """Move the uploads of each storage whose variable is set. Static files stay in the bundle."""
    storages: dict[str, dict[str, Any]] = {service_variables.DEFAULT_ALIAS: FILE_STORAGE}
    storages |= overlay.get("STORAGES") or {}
    aliases = [alias for alias in storages if alias != "staticfiles"]
    if variables := services.find(overlay.bundle, service_variables.MEDIA, aliases):
        moved = {each.alias: _moved(storages[each.alias], each) for each in variables}
        overlay.set("STORAGES", storages | moved, services.names(variables))


def _moved(entry: dict[str, Any], variable: ServiceVariable) -> dict[str, Any]:
    """Return the entry of STORAGES for the bucket. An S3 backend of the project's stays, with its options."""
    options = _parse(variable)
    if missing := next((name for module, name in PACKAGES.items() if find_spec(module) is None), None):
        raise SettingsError(
            f"{variable.name} needs the package {missing}, which is not in this bundle",
            'pip install "djbundle[s3]" in the project, and build again',
        )
    if "s3" in entry["BACKEND"].lower():
        return entry | {"OPTIONS": entry.get("OPTIONS", {}) | options}
    return {"BACKEND": BACKEND, "OPTIONS": options}


def _parse(variable: ServiceVariable) -> dict[str, Any]:
    """Return the options of S3Storage."""
    parts = _split(variable)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := next((name for name in query if name not in PARAMETERS), None):
        raise SettingsError(
            f'{variable.name} has the unknown parameter "{unknown}"', f"these are known: {', '.join(PARAMETERS)}"
        )
    options: dict[str, Any] = OPTIONS | {"bucket_name": parts.netloc, "location": parts.path.strip("/")}
    if endpoint := query.get("endpoint"):
        if not endpoint.startswith(("http://", "https://")):
            raise SettingsError(f'the endpoint in {variable.name} is not a URL: "{endpoint}"', "begin it with https://")
        options |= {"endpoint_url": endpoint, "addressing_style": "path"}  # its buckets may have no host names
    if region := query.get("region"):
        options["region_name"] = region
    if domain := query.get("domain"):
        options["custom_domain"] = domain
    return options | {"querystring_auth": not _is_public(query.get("public", ""), variable.name)}


def _split(variable: ServiceVariable) -> SplitResult:
    try:
        parts = urlsplit(variable.url)
    except ValueError:  # its message has the URL's parts
        raise SettingsError(f"{variable.name} is not a valid URL", EXAMPLE) from None
    if parts.scheme != SCHEME:
        raise SettingsError(
            f'{variable.name} has the unknown scheme "{parts.scheme}"',
            f"{EXAMPLE}, or unset it: the settings ignore it",
        )
    if "@" in parts.netloc:
        raise SettingsError(
            f"{variable.name} has keys in it", "give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if not parts.netloc:
        raise SettingsError(f"{variable.name} names no bucket", EXAMPLE)
    return parts


def _is_public(text: str, variable: str) -> bool:
    if text.lower() not in YES + NO:
        raise SettingsError(f'"public" in {variable} is neither 1 nor 0: "{text}"', EXAMPLE)
    return text.lower() in YES
