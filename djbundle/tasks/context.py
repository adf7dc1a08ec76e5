"""What a task with ``takes_context=True`` gets: django.tasks' context, and a way to tell how far it is.

@task(takes_context=True)
def import_rows(context, path): ...
    context.progress(done, total, "prices")  # raises Cancelled when somebody has asked for it
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from djbundle.tasks.compat import TaskContext as DjangoContext
from djbundle.tasks.text import clean

TELL_SECONDS = 0.2  # between two progress reports that are written
LONGEST_NOTE = 1000  # characters


class Cancelled(Exception):  # noqa: N818 - no error: somebody wished it
    """Raised in a task that was asked to stop; it ends as failed, and is not run again."""


@dataclass(frozen=True, slots=True)
class Channel:
    """From a running task to who runs it."""

    tell: Callable[[dict[str, Any]], None] = lambda _progress: None
    is_cancelled: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext(DjangoContext):  # type: ignore[misc,type-arg,unused-ignore]  # the stubs know neither
    """`attempt` and `task_result` are Django's."""

    channel: Channel = field(default_factory=Channel, repr=False)
    _told: list[float] = field(default_factory=lambda: [float("-inf")], repr=False)  # when, monotonic seconds

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Show how far the task is, in the admin and in ``tasks show``; it costs little to call often.

        Any kind of number will do. Raises Cancelled when the task shall stop; TypeError, ValueError or OverflowError
        for what is no finite number.
        """
        self.check_cancelled()
        values = {"done": _plain(done), "total": None if total is None else _plain(total)}
        now = time.monotonic()
        if now - self._told[0] >= TELL_SECONDS or done == total:
            self._told[0] = now
            self.channel.tell({**values, "note": clean(str(note)[:LONGEST_NOTE])})

    def is_cancelled(self) -> bool:
        """Whether the task shall stop as soon as it can."""
        return self.channel.is_cancelled()

    def check_cancelled(self) -> None:
        """Raises Cancelled when it shall."""
        if self.is_cancelled():
            raise Cancelled("It was cancelled.")


def _plain(number: Any) -> float:
    """Of the two kinds that can be written; raises for NaN, infinity and what no float can hold."""
    plain = int(number) if isinstance(number, int) else float(number)
    if not math.isfinite(plain):
        raise ValueError(f"Progress is told in finite numbers, not {plain!r}.")
    return plain
