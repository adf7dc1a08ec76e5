"""Errors that nobody catches, in threads and destructors: lines of the log, masked, as all that a process says."""

import sys
import threading
import traceback
from typing import TYPE_CHECKING

from djbundle.runtime.logs.lines import write

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def log_uncaught() -> None:
    """In this process from now on, where the project has no hooks of its own."""
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_error_of_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _log_unraisable


def _log_error_of_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_type is SystemExit:  # as Python has it
        return
    trace = "".join(traceback.format_exception(caught.exc_type, caught.exc_value, caught.exc_traceback))
    write("error", "serve", f"thread {caught.thread.name if caught.thread else 'unknown'} failed", trace=trace)


def _log_unraisable(caught: "UnraisableHookArgs") -> None:
    """Its object may be half taken down, so that of its text nothing is said but the kind."""
    trace = "".join(traceback.format_exception(caught.exc_type, caught.exc_value, caught.exc_traceback))
    kind = type(caught.object).__name__
    write("error", "serve", f"{caught.err_msg or 'an error could not be raised in'}: {kind}", trace=trace)
