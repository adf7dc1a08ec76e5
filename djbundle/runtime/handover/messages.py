"""Checks that an answer from the control socket has the form that `serve` gives it.

Any process of the site's user may listen there. So a caller gets a record with fields of known types, or a ValueError.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from djbundle.contract.handover import HandoverState
from djbundle.runtime.logs.formats import printable

Message = dict[str, Any]
HIGHEST_PID = 1 << 22  # PID_MAX_LIMIT of Linux
LATEST_TIMESTAMP = 253_402_300_799  # seconds since 1970: the end of the year 9999; a later date cannot be printed


def read_message(line: bytes) -> Message:
    """Return the object in this line of JSON, its control characters escaped. Raise ValueError if it has none."""
    try:
        message = _cleaned(json.loads(line))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(message, dict):
        raise ValueError("it is not an object")
    return message


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("JSON has no such number")
    return {printable(name): _cleaned(each) for name, each in value.items()} if isinstance(value, dict) else value


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_timestamp(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LATEST_TIMESTAMP


def _is_timestamp_or_none(value: object) -> bool:
    return value is None or _is_timestamp(value)


def _is_pid(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST_PID


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """The report of a site about itself. Its `data` and `program` are only claims, and prove nothing."""

    name: str
    version: str
    url: str
    urls: list[str]  # for clients
    local_url: str  # for this machine
    health_path: str
    certificate_ends: float | None  # seconds since 1970, like `since`
    data: str
    program: str
    since: float
    supervisor: int  # process ids; 0 while it does not run
    app: int
    taking_over: bool
    broker: str = ""  # TASKS_URL without its password; "": it is not set, or the version does not tell
    backup_recipients: list[str] = field(default_factory=list)  # public keys to which backups are encrypted

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """Build it from a message; ignore unknown fields. Raise ValueError if one is missing or of another type."""
        message = {"broker": "", "backup_recipients": [], **message}  # older versions do not send them
        if wrong := [name for name, is_right in CHECKS.items() if not is_right(message.get(name, MISSING))]:
            raise ValueError(f"its {wrong[0]} is missing or of another type")
        return cls(**{name: message[name] for name in CHECKS})


MISSING = object()
CHECKS: Mapping[str, Callable[[object], bool]] = {
    "name": _is_text,
    "version": _is_text,
    "url": _is_text,
    "urls": _is_list_of_texts,
    "local_url": _is_text,
    "health_path": _is_text,
    "certificate_ends": _is_timestamp_or_none,
    "data": _is_text,
    "program": _is_text,
    "since": _is_timestamp,
    "supervisor": _is_pid,
    "app": _is_pid,
    "taking_over": _is_bool,
    "broker": _is_text,
    "backup_recipients": _is_list_of_texts,
}


@dataclass(frozen=True, slots=True)
class HandoverMessage:
    """One progress report of a handover."""

    state: str  # a HandoverState, or one that a newer version has added
    fields: Message  # for FAILED: a cause and a fix

    @classmethod
    def of(cls, message: Message) -> Self:
        """Build it from a message. Raise ValueError for an invalid one."""
        fields = dict(message)
        state = fields.pop("state", None)
        is_complete = state != HandoverState.FAILED or (_is_text(fields.get("cause")) and _is_text(fields.get("fix")))
        if not isinstance(state, str) or not is_complete:
            raise ValueError("it is no step of a handover")
        return cls(state, fields)
