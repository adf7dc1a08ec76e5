"""Secrets that the process knows do not get into its log: the value of each is replaced wherever it stands."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SECRET_NAME = re.compile(
    r"SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|API_?KEY|PRIVATE_KEY|ACCESS_KEY|SIGNATURE", re.IGNORECASE
)
IN_URL = re.compile(r"://[^/:@\s]*:([^/@\s]+)@")  # postgres://user:password@host
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")  # the path of a class, no secret
SHORTEST = 8  # characters; a shorter one could be a word of any line
MASK = "********"

_known: re.Pattern[str] | None = None


def mask(text: str) -> str:
    return _known.sub(MASK, text) if _known and text else text


def learn(settings: Mapping[str, Any]) -> None:
    """From these settings, and from the environment of this process."""
    global _known  # noqa: PLW0603 - a process has one environment
    values = {*secrets_in(settings), *secrets_in(os.environ)}
    parts = (re.escape(value) for value in sorted(values, key=len, reverse=True))
    _known = re.compile("|".join(parts)) if values else None


def secrets_in(named: Mapping[Any, Any]) -> Iterator[str]:
    """Values under the name of a secret, however deep, and passwords in URLs under any name."""
    for name, value in named.items():
        if isinstance(value, Mapping):
            yield from secrets_in(value)
        elif isinstance(value, str):
            yield from IN_URL.findall(value)
            if SECRET_NAME.search(str(name)) and is_secret(value):
                yield value
        elif isinstance(value, Iterable) and SECRET_NAME.search(str(name)):
            yield from (each for each in value if isinstance(each, str) and is_secret(each))


def is_secret(value: str) -> bool:
    return len(value) >= SHORTEST and not DOTTED.fullmatch(value) and not value.startswith("/")
