"""Secrets that the process knows do not get into its log: the value of each is replaced wherever it stands."""

import html
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from djbundle.runtime.logs.secret_values import is_secret, secrets_in, secrets_in_text

SHORTEST = 8  # characters; a shorter one could be part of any word
LONG_LINE = 16  # characters; of a secret with several lines, such a line is one by itself
COMMON = re.compile("[a-z]+|[0-9]+")  # "shop" and "1234" stand in many a line
MASK = "********"

_known: re.Pattern[str] | None = None


def mask(text: str) -> str:
    return _known.sub(MASK, text) if _known and text else text


def learn(settings: Mapping[str, Any]) -> None:
    """From these settings, and from the environment of this process."""
    global _known  # noqa: PLW0603 - a process has one environment
    _known = pattern_for({*secrets_in(settings), *secrets_in(os.environ)})


def learn_environment() -> None:
    """For a process that has no settings, or has none yet."""
    if _known is None:
        learn({})


def pattern_for(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """The longest first, of which others may be a part.

    Each begins with a letter of its own: so ``re`` passes over text without one ten times faster.
    """
    values = {each for secret in secrets for each in ways_to_write(secret) if each.strip()}
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return re.compile("|".join(map(_where_it_counts, longest_first))) if values else None


def _where_it_counts(value: str) -> str:
    """Long ones anywhere, short ones as words of their own, common words where a value stands."""
    text = re.escape(value)
    if len(value) >= SHORTEST:
        return text
    if COMMON.fullmatch(value):
        return rf"""{text}(?<=[=:'"]{text})(?=['"@&;,)\s/]|$)"""
    return rf"{text}(?<![\w./-]{text})(?![\w./-])"


def ways_to_write(secret: str) -> set[str]:
    """As it is, and as it stands in Python's and JSON's strings, in URLs and in HTML; each long line of it, too."""
    lines = [line for line in secret.splitlines() if len(line) >= LONG_LINE and not line.startswith("-----")]
    found = {secret, *lines}
    for each in (secret, *lines):
        shown = each.encode(errors="replace").decode()
        found |= {repr(each)[1:-1], json.dumps(each)[1:-1], html.escape(each)}
        found |= {quote(shown), quote(shown, safe=""), quote_plus(shown)}
    return found


def hide(name: str, value: Any) -> Any:
    """The value to be shown under this name, without the secrets in it."""
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
