"""The formats of a log line: for people, for journald, and for programs as logfmt or JSON."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LEVELS = ("debug", "info", "warning", "error")
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}  # see syslog(3)
COLOURS = {"warning": "\033[33m", "error": "\033[1;31m"}
DIM, PLAIN = "\033[2m", "\033[0m"
# Characters that could fake a line, control a terminal, or change the direction of the text behind them; and surrogates
# (halves of a character), which no output can encode.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
INDENT = "    "  # of each line of a traceback, so that text quoted in it cannot fake a log line
BARE = re.compile(r"[^\s=\"\\]+")

# Seconds of the machine's time zone. They are read at the start, since Django sets another zone for its own process.
UTC_OFFSET = time.localtime().tm_gmtoff

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Line:
    time: float  # seconds since 1970
    level: str  # one of LEVELS
    source: str  # "serve", "access", or the name of a logger
    message: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    trace: str = ""  # a traceback; the only part with several lines


def for_people(line: Line, *, colour: bool) -> str:
    """Format a line for a terminal, with the local time of day."""
    clock = time.strftime("%H:%M:%S", time.gmtime(line.time + UTC_OFFSET))
    if not colour:
        return f"{clock} {message_of(line)}"
    return f"{DIM}{clock}{PLAIN} {COLOURS.get(line.level, '')}{message_of(line)}{PLAIN}"


def as_text(line: Line) -> str:
    """Format a line for a file."""
    return f"{timestamp(line)} {line.level.upper():7} {message_of(line)}"


def for_journald(line: Line) -> str:
    """Format a line for journald, which knows the time, and reads a priority (sd-daemon(3)) before each line."""
    priority = f"<{PRIORITIES[line.level]}>"
    return "\n".join(priority + each for each in message_of(line).split("\n"))


def as_logfmt(line: Line) -> str:
    return " ".join(f"{name}={quoted(value)}" for name, value in all_fields(line).items())


def as_json(line: Line) -> str:
    return CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(all_fields(line), ensure_ascii=False))


Format = Callable[[Line], str]
FORMATS: dict[str, Format] = {
    "text": as_text,
    "logfmt": as_logfmt,
    "json": as_json,
    "journal": for_journald,
}


def all_fields(line: Line) -> dict[str, Value]:
    fields: dict[str, Value] = {
        "time": timestamp(line),
        "level": line.level,
        "source": line.source,
        "msg": line.message,
    }
    fields |= line.fields
    return fields | {"trace": line.trace} if line.trace else fields


def message_of(line: Line) -> str:
    fields = " ".join(f"{name}={quoted(value)}" for name, value in line.fields.items())
    text = f"{printable(line.source)}: {printable(line.message)}" + (f"  {fields}" if fields else "")
    return "\n".join([text, *map(indented, line.trace.rstrip().split("\n"))]) if line.trace else text


def indented(line: str) -> str:
    """Indent a line of a traceback."""
    return INDENT + "\t".join(map(printable, line.split("\t")))


def timestamp(line: Line) -> str:
    """Return the time in UTC, in the format of ISO 8601."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(line.time))
    return f"{seconds}.{int(line.time % 1 * 1000):03d}Z"


def quoted(value: Value) -> str:
    """Format a value for logfmt: bare, or as a JSON string."""
    text = str(value)
    return text if BARE.fullmatch(text) and not CONTROL.search(text) else json.dumps(text)


def error_line(error: BaseException) -> str:
    """Return the class and the text of an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def printable(text: str) -> str:
    """Escape control characters: the text stays on one line, and cannot control a terminal."""
    return CONTROL.sub(lambda match: repr(match[0])[1:-1] if match[0] > "\xff" else f"\\x{ord(match[0]):02x}", text)
