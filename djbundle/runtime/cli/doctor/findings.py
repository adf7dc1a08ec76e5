"""A finding is one line about one thing that the doctor has looked at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from djbundle.runtime.logs.formats import error_line


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it will hurt one day
    ERROR = "error"  # the site does not work, or soon will not


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor has looked at. `fix` is empty where all is well."""

    name: str
    level: Level
    text: str
    fix: str = ""

    @classmethod
    def ok(cls, name: str, text: str) -> "Finding":
        return cls(name, Level.OK, text)

    @classmethod
    def warning(cls, name: str, text: str, fix: str) -> "Finding":
        return cls(name, Level.WARNING, text, fix)

    @classmethod
    def error(cls, name: str, text: str, fix: str) -> "Finding":
        return cls(name, Level.ERROR, text, fix)


Check = Callable[[], Iterator[Finding]]


def run_check(name: str, check: Check) -> Iterator[Finding]:
    """Yield what a check finds. A check that fails is a finding too: the others must still be made."""
    try:
        yield from check()
    except Exception as error:
        yield Finding.error(name, f"cannot be looked at: {error_line(error)}", "mend what the message names")
