"""The URL of a broker, as ``TASKS_URL`` or the option ``URL`` of ``TASKS`` names it."""

import importlib.util
import os
import re
import sys
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

KINDS = {  # by scheme: the scheme and the transport of kombu
    "redis": ("redis", "redis"),
    "rediss": ("rediss", "redis"),
    "valkey": ("redis", "redis"),
    "valkeys": ("rediss", "redis"),
    "amqp": ("amqp", "amqp"),
    "amqps": ("amqps", "amqp"),
    "sqs": ("sqs", "sqs"),
}
PACKAGES = {
    "redis": ("kombu", "redis"),
    "amqp": ("kombu", "amqp"),
    "sqs": ("kombu", "boto3"),
}  # that each transport needs
EXTRAS = {"redis": "redis", "amqp": "rabbitmq", "sqs": "sqs"}  # of djbundle, which install these
OWN_OPTIONS = {"prefix"}  # of the query; all others are kombu's transport options
SQS_OPTIONS = {  # all that SQS has, each with the pattern of its values
    "region": r"[a-z0-9-]+",
    "account": r"\d{12}",
    "create": "yes|no",
    "tls": "yes|no",
    "visibility_timeout": r"\d{1,5}",
}
EXAMPLE = "write it as in redis://:password@host:6379/0, with %2F for a slash in a password"
MASK = "***"


class BrokerUrlError(ImproperlyConfigured):
    """The URL is none, or its broker needs a package that is not installed."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(f"{cause}; {fix}")
        self.cause, self.fix = cause, fix


class BrokerUrl(NamedTuple):
    url: str  # as kombu takes it
    transport: str  # "redis", "amqp" or "sqs"
    prefix: str  # of the broker's queues, so that several projects can share a broker
    options: dict[str, str]  # of kombu's transport

    @classmethod
    def parse(cls, text: str) -> "BrokerUrl":
        """Parse ``redis://:password@host:6379/0?prefix=shop``. Raise BrokerUrlError for a URL that is none."""
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:  # its text may contain a part of the password
            raise BrokerUrlError("TASKS_URL is no valid URL", EXAMPLE) from None
        if parts.scheme not in KINDS:
            known = ", ".join(KINDS)
            raise BrokerUrlError(f'TASKS_URL has the unknown scheme "{parts.scheme}"', f"these are known: {known}")
        scheme, transport = KINDS[parts.scheme]
        query = dict(parse_qsl(parts.query))
        rest = {name: value for name, value in query.items() if name not in OWN_OPTIONS}
        ssl = {name: rest.pop(name) for name in [*rest] if name.startswith("ssl_")}  # kombu reads these in the URL
        if transport == "sqs":
            _check_sqs(rest)
        url = f"{scheme}://{parts.netloc}{parts.path}{'?' if ssl else ''}{urlencode(ssl)}"
        return cls(url, transport, query.get("prefix") or _project(), rest)

    def check_installed(self) -> None:
        """Raise BrokerUrlError if a package that this broker needs is not installed. Import none of them."""
        for package in PACKAGES[self.transport]:
            if package not in sys.modules and importlib.util.find_spec(package) is None:
                fix = f'pip install "djbundle[{EXTRAS[self.transport]}]"'
                raise BrokerUrlError(f"TASKS_URL needs the package {package}, which is not installed", fix)

    @property
    def masked(self) -> str:
        """The URL without its password, for messages."""
        parts = urlsplit(self.url)
        _, at, host = parts.netloc.rpartition("@")
        return f"{parts.scheme}://{f'{MASK}@' if at else ''}{host}{parts.path}"


def _check_sqs(options: dict[str, str]) -> None:
    """Raise BrokerUrlError for options that SQS does not have."""
    for name, value in options.items():
        if name not in SQS_OPTIONS:
            known = ", ".join(("prefix", *SQS_OPTIONS))
            raise BrokerUrlError(f'TASKS_URL has the unknown option "{name}"', f"SQS has these: {known}")
        if not re.fullmatch(SQS_OPTIONS[name], value):
            raise BrokerUrlError(f'{name}="{value}" in TASKS_URL is not possible', "see docs/tasks.md")


def _project() -> str:
    """Return the first name in the path of the settings module: all processes of a project have the same."""
    return os.environ.get("DJANGO_SETTINGS_MODULE", "").partition(".")[0] or "djbundle"
