"""Keeps the secrets that a process knows out of its log: each value is replaced wherever it appears."""

import html
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from djbundle.runtime.logs.secret_values import is_secret, secrets_in, secrets_in_text

SHORTEST_SECRET = 8  # characters; a shorter value could be part of any word
LONG_SECRET_LINE = 16  # characters; a line of that length in a secret with several lines is a secret by itself
COMMON = re.compile("[a-z]+|[0-9]+")  # "shop" and "1234" appear in many lines
MASK = "********"

_known: re.Pattern[str] | None = None


def mask(text: str) -> str:
    return _known.sub(MASK, text) if _known and text else text


def learn(settings: Mapping[str, Any]) -> None:
    """Learn the secrets in these settings, and in the environment of this process."""
    global _known  # noqa: PLW0603 - a process has one environment
    _known = pattern_for({*secrets_in(settings), *secrets_in(os.environ)})


def learn_environment() -> None:
    """Learn the secrets in the environment, for a process that has no settings, or none yet."""
    if _known is None:
        learn({})


def pattern_for(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern that matches any of these secrets, the longest first: others may be part of it.

    Each alternative begins with a literal character, so ``re`` skips text without secrets ten times faster.
    """
    values = {each for secret in secrets for each in spellings_of(secret) if each.strip()}
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return re.compile("|".join(map(_pattern_of, longest_first))) if values else None


def _pattern_of(value: str) -> str:
    """Return a pattern: long values match anywhere, short ones as whole words, common words only as a value."""
    text = re.escape(value)
    if len(value) >= SHORTEST_SECRET:
        return text
    if COMMON.fullmatch(value):
        return rf"""{text}(?<=[=:'"]{text})(?=['"@&;,)\s/]|$)"""
    return rf"{text}(?<![\w./-]{text})(?![\w./-])"


def spellings_of(secret: str) -> set[str]:
    """Return a secret, and each long line of it, as it is and as written in Python, JSON, URLs and HTML."""
    lines = [line for line in secret.splitlines() if len(line) >= LONG_SECRET_LINE and not line.startswith("-----")]
    spellings = {secret, *lines}
    for each in (secret, *lines):
        shown = each.encode(errors="replace").decode()
        spellings |= {repr(each)[1:-1], json.dumps(each)[1:-1], html.escape(each)}
        spellings |= {quote(shown), quote(shown, safe=""), quote_plus(shown)}
    return spellings


def hide(name: str, value: Any) -> Any:
    """Return the value to show under this name, without the secrets in it."""
    if isinstance(value, Mapping):
        return {key: hide(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([hide(name, each) for each in value]) if type(value) in (list, tuple) else value
    if not isinstance(value, str):
        return value
    if is_secret(name, value):
        return MASK
    for secret in sorted(secrets_in_text(name, value), key=len, reverse=True):
        value = value.replace(secret, MASK)
    return value
