"""Writes log lines to stderr, one write each, so that lines of several processes do not mix.

Every process that is forked later inherits the format and the level.
"""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TextIO

from djbundle.runtime.logs import masking
from djbundle.runtime.logs.formats import FORMATS, LEVELS, Format, Line, Value, for_people

DEFAULT_LEVEL = "info"
NOTHING: Mapping[str, Value] = {}

chosen_format: str | None = None
chosen_level: str | None = None  # from the command line


def add_log_options(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("logs").add_argument
    add(
        "--log-format",
        choices=FORMATS,
        help="default: text on a terminal, journal under systemd, else logfmt",
    )
    add(
        "--log-level",
        choices=LEVELS,
        help="the lowest level that is logged; default: info of serve and its worker, warning of all other",
    )
    add("--access-log", action="store_true", help="log each request")


def configure(log_format: str | None, level: str | None) -> None:
    global chosen_format, chosen_level
    chosen_format, chosen_level = log_format, level
    masking.learn_environment()  # the supervisor has no settings, and logs the last errors of its children


def write(level: str, source: str, message: str, fields: Mapping[str, Value] = NOTHING, trace: str = "") -> None:
    """Write a line, if its level is logged. Never fail: the caller has other things to do."""
    if LEVELS.index(level) < LEVELS.index(chosen_level or DEFAULT_LEVEL):
        return
    masked = {name: masking.mask(value) if isinstance(value, str) else value for name, value in fields.items()}
    line = Line(time.time(), level, source, masking.mask(message), masked, masking.mask(trace))
    try:
        sys.stderr.write(_format(line) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # closed, or a full disk
        return


def log(message: str, level: str = "info", *, source: str = "serve") -> None:
    """Write a line of `serve` itself."""
    write(level, source, message)


def _format(line: Line) -> str:
    return (FORMATS[chosen_format] if chosen_format else _format_for(sys.stderr))(line)


@lru_cache(maxsize=1)  # system calls for each line would let other threads run, and this one wait for its turn
def _format_for(stderr: TextIO) -> Format:
    """Return the format that suits what reads stderr."""
    if stderr.isatty():
        return partial(for_people, colour="NO_COLOR" not in os.environ)
    return FORMATS["journal" if goes_to_journald() else "logfmt"]


def goes_to_journald() -> bool:
    """Return whether stderr goes to journald: then the variable names stderr's file (systemd.exec(5))."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        own = os.fstat(2)
    except OSError:
        return False
    return (device, inode) == (str(own.st_dev), str(own.st_ino))
