"""The outcomes of runs: processes report them to the worker, and the worker writes them.

They hold only texts and numbers. A return value becomes JSON in the process that ran the task, so a value that cannot
be kept fails only that task.
"""

import json
import re
from traceback import format_exception
from typing import Any, NamedTuple

from djbundle.common import json_size
from djbundle.tasks.compat import TaskResultStatus, normalize_json
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.text import clean, shortened

MAX_RESULT = 8 << 20  # characters of JSON; MariaDB takes 16 MB in a statement
MAX_TRACEBACK = 32 << 10  # characters
MAX_TRACEBACKS = 10  # that a row keeps: the newest
NO_LONGER_KEPT = "It is no longer kept.\n"
UNPRINTABLE = {
    "exception_class_path": "builtins.BaseException",
    "traceback": "It cannot be shown, nor can its class.\n",
}
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # in JSON
_encode = json.JSONEncoder(allow_nan=False).encode
_encode_unescaped = json.JSONEncoder(ensure_ascii=False).encode


class Outcome(NamedTuple):
    """The end of a run, as it is written to the table.

    With `status` READY, the task runs again after `delay` seconds. Without an error then, the task was postponed.
    """

    pk: int
    epoch: int  # of the run
    status: str
    return_value: str | None = None  # JSON
    error: dict[str, str] | None = None
    delay: float = 0.0
    is_followed: bool = False  # other tasks follow, see following.py
    is_written: bool = False  # already written, by the process that ran it
    is_held: bool = False  # it could not start, see held.py
    made: str | None = None  # values for a row that stood for a task: JSON, see held.py

    @property
    def value(self) -> Any:
        """The value that the task returned."""
        return None if self.return_value is None else json.loads(self.return_value)


def success(run: Run, return_value: str | None = None) -> Outcome:
    """Return the outcome of a success. `return_value` is JSON, as `encoded` returns it."""
    return Outcome(run.pk, run.epoch, TaskResultStatus.SUCCESSFUL, return_value, is_followed=run.is_followed)


def failure(pk: int, epoch: int, entry: dict[str, str]) -> Outcome:
    """Return the outcome of a failure for good."""
    return Outcome(pk, epoch, TaskResultStatus.FAILED, error=entry)


def encoded(value: Any, vendor: str = "") -> str | None:
    """Return a return value as JSON; None stays None.

    Raise TypeError or ValueError for a value that JSON cannot hold, or that the database of `vendor` cannot keep.
    """
    if value is None:
        return None
    if json_size.exceeds(value, MAX_RESULT):
        raise ValueError(f"A task may return {MAX_RESULT:,} characters of JSON; this one returned more.")
    plain = normalize_json(value)
    text = _encode(plain)
    if len(text) > MAX_RESULT:
        raise ValueError(f"A task may return {MAX_RESULT:,} characters of JSON; this one returned {len(text):,}.")
    if vendor == "postgresql" and ("\\u0000" in text or "\\ud" in text):
        _refuse_unstorable_text(_encode_unescaped(plain))
    return text


def _refuse_unstorable_text(text: str) -> None:
    """Raise ValueError for text that JSON can hold but PostgreSQL cannot keep."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("PostgreSQL keeps no half of a surrogate pair, which this task returned.") from error
    if NUL.search(text):
        raise ValueError("PostgreSQL keeps no text with \\0, which this task returned.")


def error_entry(error: BaseException) -> dict[str, str]:
    """Return what the row keeps of an error.

    Never fail: the class of an error may even exit when it is asked for its name.
    """
    try:
        return entry_of(type(error), _traceback_of(error))
    except BaseException:
        return dict(UNPRINTABLE)


def _traceback_of(error: BaseException) -> str:
    try:
        return "".join(format_exception(error))
    except BaseException as traceback_error:
        return f"Its traceback cannot be shown: {type(traceback_error).__qualname__}\n"


def is_a(error: BaseException, kinds: type[BaseException] | tuple[type[BaseException], ...]) -> bool:
    """Return whether the error is of these classes, without running its code.

    ``isinstance()`` asks the error for its class if it is of none of these, and that code may even exit.
    """
    return issubclass(type(error), kinds)


def safe_repr(error: BaseException) -> str:
    """Return the repr() of the error, whatever its code does."""
    try:
        return clean(repr(error))
    except BaseException:
        return last_line(error_entry(error))


def last_line(entry: dict[str, str]) -> str:
    """Return the class and the text of an error."""
    return entry["traceback"].strip().rpartition("\n")[2]


def entry_of(kind: type[BaseException], traceback: str) -> dict[str, str]:
    """Return an error as TaskError keeps it."""
    path = clean(f"{kind.__module__}.{kind.__qualname__}")
    return {"exception_class_path": path, "traceback": clean(shortened(traceback, MAX_TRACEBACK))}


def with_error(errors: list[dict[str, str]], entry: dict[str, str]) -> list[dict[str, str]]:
    """Return the row's errors, and this one.

    All errors are kept, but older ones without a traceback, because the row is written with each error.
    """
    errors = [*errors, entry]
    older = [{**each, "traceback": NO_LONGER_KEPT} for each in errors[:-MAX_TRACEBACKS]]
    return older + errors[-MAX_TRACEBACKS:]
