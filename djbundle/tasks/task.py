"""A task with its retry policy: the keywords that ``@task`` and ``.using()`` take beyond Django's own."""

import random
from dataclasses import dataclass, replace
from typing import Any, Self

from djbundle.tasks.compat import InvalidTask, Task

LONGEST_BACKOFF = 3600.0  # seconds
JITTER = 0.1  # of the delay, so that tasks which failed together do not all come back together


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryingTask(Task):  # type: ignore[type-arg,unused-ignore]  # generic in the django-tasks package
    """`max_attempts` runs at most, the first included; `backoff` is the delay after the first failure in seconds.

    It doubles with each further failure, up to an hour. A run that ends with its worker (``kill -9``) is no failure.
    """

    max_attempts: int = 1
    backoff: float = 5.0

    def using(self, *, max_attempts: int | None = None, backoff: float | None = None, **changes: Any) -> Self:  # type: ignore[override,unused-ignore]
        """A copy with other defaults."""
        changes |= {"max_attempts": max_attempts, "backoff": backoff}
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


def validate_retries(task: RetryingTask) -> None:
    if not isinstance(task.max_attempts, int) or task.max_attempts < 1:
        raise InvalidTask(f"max_attempts must be a whole number above 0, not {task.max_attempts!r}.")
    if not isinstance(task.backoff, (int, float)) or task.backoff < 0:
        raise InvalidTask(f"backoff must be a number of seconds, not {task.backoff!r}.")


def delay_after(failures: int, backoff: float) -> float:
    """Seconds to wait after that many failures."""
    delay = min(backoff * 2.0 ** min(failures - 1, 32), LONGEST_BACKOFF)
    return delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
