"""The TLS options of ``serve``."""

import base64
import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from djbundle.errors import TlsMissingError
from djbundle.runtime.net.addresses import EVERYWHERE, HTTP_PORT, Tcp, parse_tcp
from djbundle.runtime.options.http import at_least

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
EAB_KEY_VARIABLE = "DJBUNDLE_ACME_EAB_HMAC_KEY"  # the same as --acme-eab-hmac-key
PACKAGES = ("cryptography", "josepy")  # needed to make certificates of our own
MAX_NAMES = 100  # names of one certificate; no public authority accepts more
YEAR = 365 * 24 * 3600  # seconds; browsers' lists of HSTS sites require it
EMAIL = re.compile(r"[!-~]{1,64}@[A-Za-z0-9.-]{1,253}")
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")

Source = Literal["acme", "internal", "files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    source: Source
    domains: tuple[str, ...]  # of the certificate; the first one names it
    files: tuple[Path, Path] | None  # certificate and key, if the user provides them
    http_bind: Tcp | None  # for redirects and challenges
    hsts: int | None  # seconds
    directory: str
    email: str | None
    external_account: tuple[str, str] | None  # identifier, key in base64url


def add_tls_options(parser: ArgumentParser) -> None:
    add = parser.add_argument_group(
        "TLS", "With one of the first three options, --bind speaks HTTPS; its default is then port 443."
    ).add_argument
    add(
        "--domain",
        action="append",
        type=parse_domain,
        metavar="NAME",
        help="get a certificate for this name, and renew it; may be given again for further names",
    )
    add("--tls", choices=["internal"], help="make an authority and certificates of our own, for tests")
    add("--tls-cert", type=Path, metavar="FILE", help="the certificate and its chain (PEM); read again when it changes")
    add("--tls-key", type=Path, metavar="FILE", help="its key; default: the same file")
    add(
        "--http-bind",
        type=parse_tcp,
        metavar="HOST:PORT",
        help="where HTTP is redirected to HTTPS; default with --domain: 0.0.0.0:80",
    )
    add(
        "--hsts",
        type=at_least(0),
        nargs="?",
        const=YEAR,
        metavar="SECONDS",
        help="tell browsers to use nothing but HTTPS for so long; default: a year",
    )
    add(
        "--acme-directory",
        type=parse_directory,
        metavar="URL",
        default=LETS_ENCRYPT,
        help="the authority; default: Let's Encrypt",
    )
    add("--acme-email", type=parse_email, metavar="ADDRESS", help="mail address for messages of the authority")
    add("--acme-eab-kid", metavar="ID", help="account with the authority, where it wants one")
    add(
        "--acme-eab-hmac-key",
        metavar="KEY",
        default=os.environ.get(EAB_KEY_VARIABLE),
        help=f"key of that account, in base64url; better given as {EAB_KEY_VARIABLE}, which no list of processes shows",
    )


def parse_domain(text: str) -> str:
    """Return a domain in lower case, with international names as in DNS."""
    try:
        name = text.rstrip(".").lower().encode("idna").decode()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(map(LABEL.fullmatch, labels)) or labels[-1].isdecimal():
        raise ArgumentTypeError(f'"{text}" is not a domain; write it as in shop.example')
    return name


def parse_directory(text: str) -> str:
    """Return the https URL of an authority. What that says decides which certificate the site has."""
    try:
        address = urlsplit(text)
        is_valid = address.scheme == "https" and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        is_valid = False
    if not is_valid or not text.startswith("https://") or not text.isascii() or not text.isprintable() or " " in text:
        raise ArgumentTypeError(f'"{text}" is not the address of an authority; write it as in {LETS_ENCRYPT}')
    return text


def parse_email(text: str) -> str:
    """Return the text if it is one mail address, and only one. Authorities check it further."""
    if not EMAIL.fullmatch(text):
        raise ArgumentTypeError(f'"{text}" is not an address of mail')
    return text


def decode_base64url(text: str) -> bytes:
    """Decode base64url. Raise ValueError if the text is invalid."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)


def check_nothing_is_ignored(parser: ArgumentParser, values: dict[str, Any]) -> None:
    """Raise an error for an option that would have no effect, since no authority is asked."""
    for name in ("acme_directory", "acme_email", "acme_eab_kid"):
        if values.get(name) not in (None, parser.get_default(name)):
            parser.error(f"--{name.replace('_', '-')} needs --domain, without --tls-cert and --tls internal")


def sources_of(parsed: Namespace) -> list[Source]:
    """Return where the options say that the certificate comes from: nowhere, or from one place, or from too many."""
    sources: list[Source] = []
    if parsed.tls_cert:
        sources.append("files")
    if parsed.tls:
        sources.append("internal")
    if parsed.domain and not sources:
        sources.append("acme")
    return sources


def take_tls_options(parser: ArgumentParser, options: dict[str, Any]) -> TlsOptions | None:
    """Remove the TLS options from all the options of ``serve``, and return them; None for a site without TLS."""
    values = {name: options.pop(name) for name in OPTION_NAMES}
    parsed = Namespace(**values)
    sources = sources_of(parsed)
    if sources != ["acme"]:
        check_nothing_is_ignored(parser, values)
    if parsed.tls_key and not parsed.tls_cert:
        parser.error("--tls-key needs --tls-cert")
    if parsed.acme_eab_kid and not parsed.acme_eab_hmac_key:
        parser.error(f"--acme-eab-kid needs --acme-eab-hmac-key or {EAB_KEY_VARIABLE}")
    if len(sources) > 1:
        parser.error("--tls internal and --tls-cert exclude each other")
    if not sources:
        if parsed.http_bind or parsed.hsts is not None:
            parser.error("--http-bind and --hsts need --domain, --tls-cert or --tls internal")
        return None
    if len(set(parsed.domain or ())) > MAX_NAMES:
        parser.error(f"--domain: a certificate has {MAX_NAMES} names at most; put a proxy in front")
    check_packages(sources[0])
    return TlsOptions(
        source=sources[0],
        domains=tuple(dict.fromkeys(parsed.domain or ())),
        files=(parsed.tls_cert, parsed.tls_key or parsed.tls_cert) if parsed.tls_cert else None,
        http_bind=parsed.http_bind or (Tcp(EVERYWHERE, HTTP_PORT) if sources[0] == "acme" else None),
        hsts=parsed.hsts,
        directory=parsed.acme_directory,
        email=parsed.acme_email,
        external_account=(parsed.acme_eab_kid, parsed.acme_eab_hmac_key) if parsed.acme_eab_kid else None,
    )


def check_packages(source: Source) -> None:
    """Raise TlsMissingError if certificates must be made, but the bundle was built without the packages for that."""
    if source != "files" and not all(map(find_spec, PACKAGES)):
        option = "--domain" if source == "acme" else "--tls internal"
        raise TlsMissingError(
            f"this bundle was built with `tls = false`, so {option} can get no certificate",
            "build it without that line of [tool.djbundle], or give --tls-cert and --tls-key",
        )


OPTION_NAMES = (
    *("domain", "tls", "tls_cert", "tls_key", "http_bind", "hsts"),
    *("acme_directory", "acme_email", "acme_eab_kid", "acme_eab_hmac_key"),
)
