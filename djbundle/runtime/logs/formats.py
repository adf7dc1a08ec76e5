"""The forms of a line: for people, for journald, and for programs as logfmt or JSON."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LEVELS = ("debug", "info", "warning", "error")
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}  # of syslog(3)
COLOURS = {"warning": "\033[33m", "error": "\033[1;31m"}
DIM, PLAIN = "\033[2m", "\033[0m"
# What could look like a line, speak to a terminal, or turn the direction of what is read behind it; and halves of a
# character, which no output can encode.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
INDENT = "    "  # of each line of a traceback: what it quotes can begin no line of the log
BARE = re.compile(r"[^\s=\"\\]+")

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Line:
    time: float  # seconds since 1970
    level: str  # one of LEVELS
    source: str  # who says it: "serve", "access", or the name of a logger
    message: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    trace: str = ""  # a traceback; the only part of several lines


def for_people(line: Line, *, colour: bool) -> str:
    """With the time of day on their clock; for a terminal."""
    clock = time.strftime("%H:%M:%S", time.localtime(line.time))
    if not colour:
        return f"{clock} {said(line)}"
    return f"{DIM}{clock}{PLAIN} {COLOURS.get(line.level, '')}{said(line)}{PLAIN}"


def as_text(line: Line) -> str:
    """The same for a file."""
    return f"{moment(line)} {line.level.upper():7} {said(line)}"


def for_journald(line: Line) -> str:
    """It knows the time, and reads the priority (sd-daemon(3)) in front of each line of a text."""
    priority = f"<{PRIORITIES[line.level]}>"
    return "\n".join(priority + each for each in said(line).split("\n"))


def as_logfmt(line: Line) -> str:
    return " ".join(f"{name}={quoted(value)}" for name, value in facts(line).items())


def as_json(line: Line) -> str:
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(facts(line), ensure_ascii=False))


FORMATS: dict[str, Callable[[Line], str]] = {
    "text": as_text,
    "logfmt": as_logfmt,
    "json": as_json,
    "journal": for_journald,
}


def facts(line: Line) -> dict[str, Value]:
    found: dict[str, Value] = {"time": moment(line), "level": line.level, "source": line.source, "msg": line.message}
    found |= line.fields
    return found | {"trace": line.trace} if line.trace else found


def said(line: Line) -> str:
    told = " ".join(f"{name}={quoted(value)}" for name, value in line.fields.items())
    text = f"{printable(line.source)}: {printable(line.message)}" + (f"  {told}" if told else "")
    return "\n".join([text, *map(indented, line.trace.rstrip().split("\n"))]) if line.trace else text


def indented(line: str) -> str:
    """Of a traceback."""
    return INDENT + "\t".join(map(printable, line.split("\t")))


def moment(line: Line) -> str:
    """In UTC, as ISO 8601 has it."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(line.time))
    return f"{seconds}.{int(line.time % 1 * 1000):03d}Z"


def quoted(value: Value) -> str:
    """As logfmt has it: bare, or in the quotes of JSON."""
    text = str(value)
    return text if BARE.fullmatch(text) and not CONTROL.search(text) else json.dumps(text)


def printable(text: str) -> str:
    """On one line, and without a word to a terminal."""
    return CONTROL.sub(lambda found: repr(found[0])[1:-1] if found[0] > "\xff" else f"\\x{ord(found[0]):02x}", text)
