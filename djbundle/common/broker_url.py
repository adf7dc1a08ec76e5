"""The URL of a broker, as ``TASKS_URL`` or the option ``URL`` of ``TASKS`` names it."""

import importlib.util
import os
import sys
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

from djbundle.contract.variables import BROKER_URL, SETTINGS_MODULE

KINDS = {  # by scheme: the scheme and the transport of kombu
    "redis": ("redis", "redis"),
    "rediss": ("rediss", "redis"),
    "valkey": ("redis", "redis"),
    "valkeys": ("rediss", "redis"),
    "amqp": ("amqp", "amqp"),
    "amqps": ("amqps", "amqp"),
}
PACKAGES = {"redis": ("kombu", "redis"), "amqp": ("kombu", "amqp")}  # that each transport needs
EXTRAS = {"redis": "redis", "amqp": "rabbitmq"}  # of djbundle, which install these
OWN_OPTIONS = {"prefix"}  # of the query; all others are kombu's transport options
EXAMPLE = "write it as in redis://:password@host:6379/0"
MASK = "***"


class BrokerUrlError(ImproperlyConfigured):
    """The URL is none, or its broker needs a package that is not installed."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(f"{cause}; {fix}")
        self.cause, self.fix = cause, fix


class BrokerUrl(NamedTuple):
    url: str  # as kombu takes it
    transport: str  # "redis" or "amqp"
    prefix: str  # of the broker's queues, so that several projects can share a broker
    options: dict[str, str]  # of kombu's transport

    @classmethod
    def parse(cls, text: str) -> "BrokerUrl":
        """Parse ``redis://:password@host:6379/0?prefix=shop``. Raise BrokerUrlError for a URL that is none."""
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError as error:
            raise BrokerUrlError(f"{BROKER_URL} is no valid URL: {error}", EXAMPLE) from None
        if parts.scheme not in KINDS:
            known = ", ".join(KINDS)
            raise BrokerUrlError(f'{BROKER_URL} has the unknown scheme "{parts.scheme}"', f"these are known: {known}")
        scheme, transport = KINDS[parts.scheme]
        query = dict(parse_qsl(parts.query))
        rest = {name: value for name, value in query.items() if name not in OWN_OPTIONS}
        ssl = {name: rest.pop(name) for name in [*rest] if name.startswith("ssl_")}  # kombu reads these in the URL
        url = parts._replace(scheme=scheme, query=urlencode(ssl)).geturl()
        return cls(url, transport, query.get("prefix") or _project(), rest)

    def check_installed(self) -> None:
        """Raise BrokerUrlError if a package that this broker needs is not installed. Import none of them."""
        for package in PACKAGES[self.transport]:
            if package not in sys.modules and importlib.util.find_spec(package) is None:
                fix = f'pip install "djbundle[{EXTRAS[self.transport]}]"'
                raise BrokerUrlError(f"{BROKER_URL} needs the package {package}, which is not installed", fix)

    @property
    def masked(self) -> str:
        """The URL without its password, for messages."""
        parts = urlsplit(self.url)
        if parts.password is None and parts.username is None:
            return parts._replace(query="").geturl()
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{MASK}@{host}", query="").geturl()


def _project() -> str:
    """Return the first name in the path of the settings module: all processes of a project have the same."""
    return os.environ.get(SETTINGS_MODULE, "").partition(".")[0] or "djbundle"
