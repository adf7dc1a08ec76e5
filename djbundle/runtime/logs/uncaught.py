"""Writes uncaught errors of threads and destructors as log lines, masked like all output of a process."""

import sys
import threading
import traceback
from typing import TYPE_CHECKING

from djbundle.runtime.logs.lines import write

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def log_uncaught() -> None:
    """Log uncaught errors of this process from now on, unless the project has hooks of its own."""
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_error_of_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _log_unraisable


def _log_error_of_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_type is SystemExit:  # Python ignores it too
        return
    trace = "".join(traceback.format_exception(caught.exc_type, caught.exc_value, caught.exc_traceback))
    write("error", "serve", f"thread {caught.thread.name if caught.thread else 'unknown'} failed", trace=trace)


def _log_unraisable(caught: "UnraisableHookArgs") -> None:
    """Log only the type of the object: it may be half destroyed, so its text is not used."""
    trace = "".join(traceback.format_exception(caught.exc_type, caught.exc_value, caught.exc_traceback))
    kind = type(caught.object).__name__
    write("error", "serve", f"{caught.err_msg or 'an error could not be raised in'}: {kind}", trace=trace)
