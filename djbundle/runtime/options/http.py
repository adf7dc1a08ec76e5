"""The HTTP options of ``serve``. Those that Granian has too are named as in Granian."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Self

from djbundle.runtime.net.trusted_proxies import THIS_MACHINE, TrustedProxies, parse_proxies
from djbundle.runtime.options.basic_auth import read_password_file
from djbundle.runtime.options.rate_limits import RateRule, parse_rate

SIZE = re.compile(r"(\d+)\s*([kmg]?)i?b?", re.IGNORECASE)
HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?", re.ASCII)
PATH = re.compile(r"/[\w./-]+", re.ASCII)
NOBODY = TrustedProxies(())
MIN_BUFFER_SIZE = 8192  # bytes; Granian refuses less
MODES = ("auto", "on", "off")  # of the lifespan
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    max_body: int = 100 << 20  # bytes; 0: no limit
    body_timeout: int = 30  # seconds without a byte of a body
    header_read_timeout: int = 15_000  # milliseconds for the head of a request, and for idleness of an open connection
    max_buffer_size: int = 64 << 10  # bytes, of the head of a request
    send_timeout: int = 60  # seconds during which a client takes nothing of a response
    backpressure: int = 8192  # connections of one worker
    trusted_proxies: TrustedProxies = THIS_MACHINE
    server_timing: bool = False
    health_path: str = "/up"
    lifespan: str = "auto"  # of an ASGI site
    redirect: list[tuple[str, str]] = field(default_factory=list)  # hosts, and those to which they are redirected
    basic_auth: dict[str, str] = field(default_factory=dict, repr=False)  # the hash of each name; empty: for all
    rate_limit: list[RateRule] = field(default_factory=list)
    rate_limit_exempt: TrustedProxies = NOBODY

    @property
    def head_seconds(self) -> float:
        """The value of `header_read_timeout` in seconds. Granian counts it in milliseconds."""
        return self.header_read_timeout / 1000

    @classmethod
    def take_from(cls, options: dict[str, Any]) -> Self:
        """Remove the HTTP options from all the options of ``serve``, and return them."""
        return cls(**{each.name: options.pop(each.name) for each in fields(cls)})


def add_http_options(parser: ArgumentParser) -> None:
    default = HttpOptions()
    add = parser.add_argument_group("HTTP").add_argument
    add(
        "--trusted-proxies",
        type=parse_proxies,
        default=default.trusted_proxies,
        metavar="NETWORKS",
        help='proxies whose X-Forwarded-* and Forwarded headers are trusted, as in "10.0.0.0/8,fd00::/8" or "private"; '
        "from others they are removed; default: this machine; none: nobody",
    )
    add(
        "--max-body",
        type=parse_size,
        default=default.max_body,
        metavar="SIZE",
        help="of a request; default: 100M; 0: any",
    )
    add(
        "--body-timeout",
        type=at_least(1),
        default=default.body_timeout,
        metavar="SECONDS",
        help="without a byte of a request's body; default: %(default)s",
    )
    add(
        "--send-timeout",
        type=at_least(1),
        default=default.send_timeout,
        metavar="SECONDS",
        help="in which a client takes nothing of its answer; default: %(default)s",
    )
    add(
        "--http1-header-read-timeout",
        dest="header_read_timeout",
        type=at_least(1),
        default=default.header_read_timeout,
        metavar="MILLISECONDS",
        help="for the head of a request; default: %(default)s",
    )
    add(
        "--http1-max-buffer-size",
        dest="max_buffer_size",
        type=at_least(MIN_BUFFER_SIZE),
        default=default.max_buffer_size,
        metavar="BYTES",
        help="of the head of a request; default: %(default)s",
    )
    add(
        "--backpressure",
        type=at_least(1),
        default=default.backpressure,
        metavar="COUNT",
        help="connections of each web process; default: %(default)s",
    )
    add(
        "--health-path",
        type=parse_path,
        default=default.health_path,
        metavar="PATH",
        help="tells whether the site can work; PATH/live whether its process lives; default: %(default)s",
    )
    add(
        "--lifespan",
        choices=MODES,
        default=default.lifespan,
        help="of an ASGI site: auto also serves a site without one, on refuses such a site, off does not use it;"
        " default: %(default)s",
    )
    add(
        "--redirect",
        type=parse_redirect,
        action="append",
        default=default.redirect,
        metavar="HOST=HOST",
        help="redirect requests for the first host to the second, as in www.shop.example=shop.example; repeatable",
    )
    add_gates(add)
    add("--server-timing", action="store_true", help="tell browsers how long each answer took to make")


def add_gates(add: Callable[..., Any]) -> None:
    """Add the options for what stands before the pages."""
    add(
        "--basic-auth",
        type=read_password_file,
        default={},
        metavar="FILE",
        help="let in only who knows a name and password of this file, as for staging; its lines are made by the command"
        " basic-auth",
    )
    add(
        "--rate-limit",
        type=parse_rate,
        action="append",
        default=[],
        metavar="RULE",
        help="answer 429 to a client that asks for more, as in 10r/s, /login=5/m or /api=2/s,burst=20; repeatable",
    )
    add(
        "--rate-limit-exempt",
        type=parse_proxies,
        default=NOBODY,
        metavar="NETWORKS",
        help='clients without --rate-limit, as in "203.0.113.7,10.0.0.0/8"; trusted proxies have none either',
    )


def at_least(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum:
            raise ArgumentTypeError(f'"{text}" is not a number from {minimum} on')
        return int(text)

    return parse


def parse_path(text: str) -> str:
    if not PATH.fullmatch(text):
        raise ArgumentTypeError(f'"{text}" is not a path; write it as in /up')
    return text


def parse_redirect(text: str) -> tuple[str, str]:
    """Return the two hosts of a redirect. The second may have a port."""
    old, _, new = text.lower().partition("=")
    if not HOST.fullmatch(old) or ":" in old or not HOST.fullmatch(new) or old == new:
        raise ArgumentTypeError(f'"{text}" is no redirect; write it as in www.shop.example=shop.example')
    return old, new


def parse_size(text: str) -> int:
    """Return the bytes of a size such as "10M"."""
    match = SIZE.fullmatch(text)
    if not match:
        raise ArgumentTypeError(f'"{text}" is not a size; write it as in 10M')
    return int(match[1]) * UNITS[match[2].lower()]
