"""Decides which settings and variables are secrets: by their name, or by their value.

A URL with a password, a connection string, a private key and the tokens of well-known services are secrets under any
name.
"""

import importlib.util
import os
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from djbundle.common.token_shapes import TOKEN_SHAPES

ANYWHERE = (
    "SECRET|PASSWORD|PASSWD|PASSPHRASE|PASSCODE|TOKEN|CREDENTIAL|SIGNATURE|PRIVATE|"
    "(?:API|ACCESS|ACCOUNT|ENCRYPTION|MASTER|SIGNING|HMAC)_?KEY"
)
LAST_WORD = "(?<![A-Z])(?:PASS|PWD|DSN|AUTH|SALT|KEYS?)[0-9]*"
NAME = re.compile(f"{ANYWHERE}|{LAST_WORD}$", re.IGNORECASE)
GROUP = re.compile("(?:SECRET|PASSWORD|TOKEN|CREDENTIAL|KEY)S$", re.IGNORECASE)  # the values inside are secrets
NO_SECRET = re.compile(  # names of facts about secrets, which are no secrets themselves
    "_(?:MODEL|HASHERS|VALIDATORS|BACKENDS?|CLASS|CLASSES|FUNCTION|TIMEOUT|AGE|LIFETIME|NAME|HEADER|PREFIX|ALGORITHMS?"
    "|LENGTH|PATH|FILE|DIR|FIELDS?|UR[LI]|ENABLED|REQUIRED|DAYS|HOURS|MINUTES|SECONDS|TYPES?)$",
    re.IGNORECASE,
)
PLAIN = frozenset(("", "0", "1", "true", "false", "yes", "no", "on", "off", "none", "null"))
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")  # like the path of a class

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
NEXT_URL = re.compile(r",(?=[A-Za-z][A-Za-z0-9+.-]*://)")
PAIR = re.compile(r"""(?:^|[\s;&?])([\w.-]+)\s*=\s*('(?:[^'\\]|\\.)*'|"[^"]*"|\{[^}]*\}|[^\s;&]+)""")  # libpq, ODBC
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
TOKENS = tuple(  # one that begins with a letter must begin a word: "risk-" contains no "sk-"
    (each.mark, re.compile((r"\b" if each.pattern[0].isalnum() else "") + each.pattern, re.ASCII))
    for each in TOKEN_SHAPES
)
SHORT_TOKEN = re.compile(  # in a file it could be any text, in a variable it is a token
    r"\b(?:[spr]k_(?:live|test)_\w{8,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|AIza[\w-]{30,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
HEADER = re.compile(r"authorization\W{1,4}(?:basic|bearer|token)(?:\s+|%20)([\w.~+/=%-]{12,})", re.IGNORECASE)
# A webhook's URL lets in every caller that knows it. It has such a name, and a part that cannot be guessed.
HOOK = re.compile("HOOK", re.IGNORECASE)
MAX_GUESSABLE_LENGTH = 15  # most characters of a part that can be guessed
PART = re.compile(r"[/?&=;#]")
LONG_USER = 16  # characters; without a password, a user name of that length is a key, as in a Sentry DSN
MAX_NESTING = 20


def secrets_in(named: Mapping[Any, Any]) -> Iterator[str]:
    """Yield all secrets among these values, nested ones too."""
    for name, value in named.items():
        yield from _secrets_of(str(name), value, MAX_NESTING)


def _secrets_of(name: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, bytes):
        value = value.decode(errors="ignore")
    if isinstance(value, str):
        value = str(value)  # a lazy object only says that it is one
        yield from secrets_in_text(name, value)
        if is_secret(name, value):
            yield value
    elif isinstance(value, Mapping) and depth:
        for key, each in value.items():
            yield from _secrets_of(name if GROUP.search(name) else str(key), each, depth - 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth:
        for each in value:
            yield from _secrets_of(name, each, depth - 1)


def is_secret(name: str, value: str) -> bool:
    """Return whether the name marks a secret, and the value is not a class, a file or a switch under such a name."""
    return is_secret_name(name) and value.lower() not in PLAIN and not _is_class(value) and not _is_file(value)


def is_secret_name(name: str) -> bool:
    name = name.replace("-", "_")
    return bool(NAME.search(name)) and not NO_SECRET.search(name)


def _is_class(value: str) -> bool:
    """Return whether the value's package can be imported: "correct.horse" is a password."""
    if not DOTTED.fullmatch(value):
        return False
    package = value.partition(".")[0]
    try:
        return package in sys.modules or importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _is_file(value: str) -> bool:
    """Return whether the file or its folder exists. A slash is not enough: a key in base64 may begin with one."""
    if not value.startswith("/") or "\0" in value:
        return False
    folder = posixpath.dirname(value)
    return os.path.exists(value) or (folder != "/" and os.path.exists(folder))  # noqa: PTH110 - it may be no path


def secrets_in_text(name: str, value: str) -> Iterator[str]:
    """Yield the parts of a value that are secrets under any name, and those of a webhook's URL."""
    yield from secrets_by_shape(value)
    if HOOK.search(name):
        yield from _secrets_of_hook(value)


def _secrets_of_hook(value: str) -> Iterator[str]:
    """Yield what is behind the host, or all of a text that is not a URL; and its parts that cannot be guessed."""
    for text in value.split():
        _scheme, is_url, rest = text.partition("://")
        path = rest.partition("/")[2] if is_url else text
        if parts := [part for part in PART.split(path) if _is_unguessable(part, in_url=bool(is_url))]:
            yield from (path, *parts)


def _is_unguessable(part: str, *, in_url: bool) -> bool:
    """Return whether a part cannot be guessed. Capitals count only in a URL: class names have them too."""
    is_mixed = any(each.isdigit() or (in_url and each.isupper()) for each in part)
    return len(part) > MAX_GUESSABLE_LENGTH and is_mixed and part.replace("-", "").replace("_", "").isalnum()


def secrets_by_shape(value: str) -> Iterator[str]:
    yield from PRIVATE_KEY.findall(value)
    yield from SHORT_TOKEN.findall(value)
    yield from HEADER.findall(value)
    for mark, token in TOKENS:
        if mark in value:
            yield from token.findall(value)  # its group, if it has one
    for match in URL.findall(value):
        for url in NEXT_URL.split(match):
            yield from _secrets_in_url(url)
    for name, quoted in PAIR.findall(value):
        if is_secret_name(name):
            yield from (each for each in _inside(quoted) if each and not _is_file(each))


def _secrets_in_url(url: str) -> Iterator[str]:
    """Yield its password, both as written and unquoted, and the secrets among its parameters."""
    try:
        parts = urlsplit(url)
        user, password = parts.username or "", parts.password or _unescaped_password(url, parts.netloc)
    except ValueError:  # a bracket in the password
        user, password = "", _unescaped_password(url, "")
    if not password and len(user) >= LONG_USER:
        password = user
    yield from {each for each in (password, unquote(password)) if each}
    for name, value in parse_qsl(url.partition("?")[2]):
        if is_secret_name(name):
            yield value


def _unescaped_password(url: str, netloc: str) -> str:
    """Return a password with an unescaped slash, question mark or bracket, which some programs accept."""
    rest, _, _host = url.partition("://")[2].rpartition("@")
    _user, colon, password = rest.partition(":")
    return "" if not colon or "@" in netloc or netloc.rpartition(":")[2].isdecimal() else password


def _inside(text: str) -> set[str]:
    """Return what is in these quotes, both as written and unescaped."""
    inner = text[1:-1] if text[0] in "'\"{" and len(text) > 1 else text
    return {inner, re.sub(r"\\(.)", r"\1", inner)}
