"""The context of a task with ``takes_context=True``: that of django.tasks, with progress reports and cancellation.

@task(takes_context=True)
def import_rows(context, path): ...
    context.progress(done, total, "prices")  # raises Cancelled if the task was cancelled
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from djbundle.tasks.compat import TaskContext as DjangoContext
from djbundle.tasks.text import clean

REPORT_INTERVAL = 0.2  # seconds between two progress reports that are sent
MAX_NOTE_LENGTH = 1000  # characters


class Cancelled(Exception):  # noqa: N818 - not an error: it was asked for
    """Raised in a task that was asked to stop. The task ends as failed, and does not run again."""


@dataclass(frozen=True, slots=True)
class Channel:
    """The way from a running task to the process or thread that runs it."""

    report: Callable[[dict[str, Any]], None] = lambda _progress: None
    is_cancelled: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext(DjangoContext):  # type: ignore[misc,type-arg,unused-ignore]  # the stubs know neither
    """The context of a run. `attempt` and `task_result` are Django's."""

    channel: Channel = field(default_factory=Channel, repr=False)
    _reported_at: list[float] = field(default_factory=lambda: [float("-inf")], repr=False)  # sent at, monotonic seconds

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Show in the admin and in ``tasks show`` how far the task is. Frequent calls are cheap.

        `done` and `total` may be any kind of number. Raise Cancelled if the task should stop; raise TypeError,
        ValueError or OverflowError for a value that is no finite number.
        """
        self.check_cancelled()
        values = {"done": _plain(done), "total": None if total is None else _plain(total)}
        now = time.monotonic()
        if now - self._reported_at[0] >= REPORT_INTERVAL or done == total:
            self._reported_at[0] = now
            self.channel.report({**values, "note": clean(str(note)[:MAX_NOTE_LENGTH])})

    def is_cancelled(self) -> bool:
        """Return whether the task should stop as soon as it can."""
        return self.channel.is_cancelled()

    def check_cancelled(self) -> None:
        """Raise Cancelled if the task should stop."""
        if self.is_cancelled():
            raise Cancelled("It was cancelled.")


def _plain(number: Any) -> float:
    """Return the number as int or float, which JSON has. Raise for NaN, infinity and what no float can hold."""
    plain = int(number) if isinstance(number, int) else float(number)
    if not math.isfinite(plain):
        raise ValueError(f"Progress takes finite numbers, not {plain!r}.")
    return plain
