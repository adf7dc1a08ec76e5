"""The URL of a broker, as ``TASKS_URL`` or the option ``URL`` of ``TASKS`` names it."""

import difflib
import importlib.util
import os
import re
import sys
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

from djbundle.contract.variables import BROKER_URL, SETTINGS_MODULE

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
SQS_OPTIONS = {  # all that SQS has, each with the pattern of its values
    "region": r"[a-z0-9-]+",
    "account": r"\d{12}",
    "create": "yes|no",
    "tls": "yes|no",
    "visibility_timeout": r"\d{1,5}",
}
TLS_OPTIONS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")  # as redis-py and kombu name them
TLS_SCHEMES = ("rediss", "amqps")
NAMES = ("prefix", "rows", *TLS_OPTIONS, *SQS_OPTIONS)  # of all options that are not only kombu's
CERT_REQS = ("required", "none")
PREFIX = re.compile(r"(?!.*--)[A-Za-z0-9_.-]{0,59}[A-Za-z0-9_.]")  # see queue_of_keys
EXAMPLE = "write it as in redis://:password@host:6379/0, with / # ? @ [ ] in a password as %2F %23 %3F %40 %5B %5D"
MASK = "***"


class BrokerUrlError(ImproperlyConfigured):
    """The URL is invalid, or its broker needs a package that is not installed.

    Neither text repeats what could be part of a password.
    """

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(f"{cause}; {fix}")
        self.cause, self.fix = cause, fix


class BrokerUrl(NamedTuple):
    url: str  # as kombu takes it, without a query
    transport: str  # "redis", "amqp" or "sqs"
    prefix: str  # of the broker's queues, so that several projects can share a broker
    options: dict[str, str]  # of kombu's transport
    tls: dict[str, str] | None = None  # TLS_OPTIONS; None: no TLS
    has_rows: bool = True  # False: a message carries the whole task, see engine/direct.py

    @classmethod
    def parse(cls, text: str) -> "BrokerUrl":
        """Parse ``redis://:password@host:6379/0?prefix=shop``. Raise BrokerUrlError for an invalid URL."""
        parts = _split(text)
        scheme, transport = KINDS[parts.scheme]
        query = dict(parse_qsl(parts.query))
        prefix = query.pop("prefix", "") or _project()
        if not PREFIX.fullmatch(prefix):
            raise BrokerUrlError(
                f"{BROKER_URL} has a prefix that no queue can have",
                "use letters, digits, - _ ., no two - in a row, and none at the end",
            )
        if (rows := query.pop("rows", "yes")) not in ("yes", "no"):
            raise BrokerUrlError(f"rows in {BROKER_URL} has an unknown value", "use yes or no")
        tls = {name: query.pop(name) for name in TLS_OPTIONS if name in query}
        if tls.get("ssl_cert_reqs", CERT_REQS[0]) not in CERT_REQS:
            raise BrokerUrlError(f"ssl_cert_reqs in {BROKER_URL} has an unknown value", f"use {' or '.join(CERT_REQS)}")
        _check_names(query)
        if transport == "sqs":
            _check_sqs(query, has_rows=rows == "yes")
        url = f"{scheme}://{parts.netloc}{parts.path}"
        return cls(url, transport, prefix, query, tls if scheme in TLS_SCHEMES else None, rows == "yes")

    def check_installed(self) -> None:
        """Raise BrokerUrlError if a package that this broker needs is not installed. Import none of them."""
        for package in PACKAGES[self.transport]:
            if package not in sys.modules and importlib.util.find_spec(package) is None:
                fix = f'pip install "djbundle[{EXTRAS[self.transport]}]" in the project, and build its bundle again'
                raise BrokerUrlError(f"{BROKER_URL} needs the package {package}, which is not installed", fix)

    def queue_of_keys(self, name: str) -> str:
        """Return the name of the broker's queue for keys of tasks of the queue `name`.

        Two hyphens end the prefix, since no prefix has them, and SQS permits them. So no two projects share a queue.
        """
        return f"{self.prefix}--{name}" if name else self.prefix

    def queue_of_tasks(self, name: str) -> str:
        """Return the name of the broker's queue for whole tasks, which SQS does not carry. No prefix has a colon."""
        return f"{self.prefix}:direct:{name}"

    @property
    def masked(self) -> str:
        """The URL without its password, for messages."""
        parts = urlsplit(self.url)
        _, at, host = parts.netloc.rpartition("@")
        return f"{parts.scheme}://{f'{MASK}@' if at else ''}{host}{parts.path}"


def _check_names(options: dict[str, str]) -> None:
    """Raise BrokerUrlError for a misspelt name. Other names are options of kombu's transport."""
    for name in options:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.75)
        if near and name not in NAMES:
            raise BrokerUrlError(f'{BROKER_URL} has the unknown option "{name}"', f"did you mean {near[0]}?")


def _check_sqs(options: dict[str, str], *, has_rows: bool) -> None:
    """Raise BrokerUrlError for options that SQS does not have."""
    if not has_rows:
        raise BrokerUrlError(f"SQS carries keys of rows only, and {BROKER_URL} has rows=no", "leave it out")
    for name, value in options.items():
        if name not in SQS_OPTIONS:
            known = ", ".join(("prefix", *SQS_OPTIONS))
            raise BrokerUrlError(f'{BROKER_URL} has the unknown option "{name}"', f"SQS has these: {known}")
        if not re.fullmatch(SQS_OPTIONS[name], value):
            raise BrokerUrlError(f'{name}="{value}" in {BROKER_URL} is not possible', "see docs/tasks.md")


def _split(text: str) -> SplitResult:
    """Split a URL. Raise BrokerUrlError unless it names one host, and nothing that looks like half a password."""
    if "://" not in text:
        raise BrokerUrlError(f"{BROKER_URL} is not a URL", EXAMPLE)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:  # its text repeats what could be a password
        raise BrokerUrlError(f"{BROKER_URL} is not a valid URL", EXAMPLE) from None
    if parts.scheme not in KINDS:
        known = ", ".join(KINDS)
        raise BrokerUrlError(f'{BROKER_URL} has the unknown scheme "{parts.scheme}"', f"these are known: {known}")
    has_invalid_character = any(character.isspace() or not character.isprintable() for character in text)
    if has_invalid_character or "@" in parts.path + parts.query or parts.fragment:
        raise BrokerUrlError(f"{BROKER_URL} is not a valid URL", EXAMPLE)
    if not parts.hostname and parts.scheme != "sqs":
        raise BrokerUrlError(f"{BROKER_URL} names no host", EXAMPLE)
    if ";" in text or "," in parts.netloc:
        raise BrokerUrlError(f"{BROKER_URL} names several brokers", "name one")
    if KINDS[parts.scheme][1] == "redis" and not re.fullmatch(r"/?\d*", parts.path, re.ASCII):
        raise BrokerUrlError(
            f"{BROKER_URL} names no database of Redis", "end it with a number, as in redis://host:6379/0"
        )
    return parts


def _project() -> str:
    """Return the first name in the path of the settings module: all processes of a project have the same."""
    return os.environ.get(SETTINGS_MODULE, "").partition(".")[0] or "djbundle"
