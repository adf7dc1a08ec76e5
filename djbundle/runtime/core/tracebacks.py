"""Django's error pages and error mails, made to work for code that was compiled to C.

Django shows where in its line an instruction lies. It looks that up by the number of the instruction. A compiled
function has no such number (its traceback says -1). Django does not expect that, and the report itself would fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from django.views.debug import ExceptionReporter

_frames_of: Any = ExceptionReporter.get_exception_traceback_frames


def report_compiled_code() -> None:
    """Make every exception reporter of this process, also the project's own, accept tracebacks of compiled code."""
    ExceptionReporter.get_exception_traceback_frames = _get_exception_traceback_frames  # type: ignore[method-assign, assignment]


def _get_exception_traceback_frames(
    reporter: ExceptionReporter, exc_value: BaseException | None, tb: TracebackType | None
) -> Iterator[dict[str, Any]]:
    frames: Iterator[dict[str, Any]] = _frames_of(reporter, exc_value, with_instructions(tb))
    return frames


@dataclass(frozen=True, slots=True)
class Traceback:
    """The attributes of a traceback that Django reads. Python creates no real one for a compiled function's frame."""

    tb_frame: FrameType
    tb_lasti: int
    tb_lineno: int
    tb_next: "Traceback | None"


def with_instructions(traceback: TracebackType | None) -> Traceback | None:
    """Return the same traceback, with the function's first instruction wherever the instruction is unknown."""
    entries = []
    while traceback:
        entries.append((traceback.tb_frame, max(traceback.tb_lasti, 0), traceback.tb_lineno))
        traceback = traceback.tb_next
    rest = None
    for entry in reversed(entries):
        rest = Traceback(*entry, rest)
    return rest
