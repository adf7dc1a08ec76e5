"""Django's error pages and error mails, for code that was compiled to C.

They show where in its line an instruction lies, and look that up by the number of the instruction. A compiled function
has none (its traceback says -1), which they do not expect: the report itself would fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from django.views.debug import ExceptionReporter

_frames_of: Any = ExceptionReporter.get_exception_traceback_frames


def report_compiled_code() -> None:
    """Let every exception reporter of this process, the project's own too, take tracebacks of compiled code."""
    ExceptionReporter.get_exception_traceback_frames = _get_exception_traceback_frames  # type: ignore[method-assign, assignment]


def _get_exception_traceback_frames(
    reporter: ExceptionReporter, exc_value: BaseException | None, tb: TracebackType | None
) -> Iterator[dict[str, Any]]:
    frames: Iterator[dict[str, Any]] = _frames_of(reporter, exc_value, with_instructions(tb))
    return frames


@dataclass(frozen=True, slots=True)
class Traceback:
    """What Django reads of a traceback; Python makes no real one for the frame of a compiled function."""

    tb_frame: FrameType
    tb_lasti: int
    tb_lineno: int
    tb_next: "Traceback | None"


def with_instructions(traceback: TracebackType | None) -> Traceback | None:
    """The same traceback, with the first instruction of a function where none is known."""
    entries = []
    while traceback:
        entries.append((traceback.tb_frame, max(traceback.tb_lasti, 0), traceback.tb_lineno))
        traceback = traceback.tb_next
    rest = None
    for entry in reversed(entries):
        rest = Traceback(*entry, rest)
    return rest
