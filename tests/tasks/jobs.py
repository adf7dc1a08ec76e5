"""Tasks for the tests."""

import datetime
import os
import signal
import time
from pathlib import Path

from django.tasks import TaskContext, TaskResult, task

from djbundle.tasks import RetryAfter


@task
def add(a: int, b: int) -> int:
    return a + b


@task
async def add_slowly(a: int, b: int) -> int:
    return a + b


@task(takes_context=True)
def tell_attempt(context: TaskContext) -> int:
    return context.attempt


@task(max_attempts=3, backoff=0.0)
def fail_until(folder: str, successes_at: int) -> str:
    """Fail until it has been called that often."""
    calls = Path(folder, "calls")
    calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
    if len(calls.read_text()) < successes_at:
        raise ValueError("not yet")
    return "at last"


@task(max_attempts=2, backoff=1000)
def fail() -> None:
    raise ValueError("always")


def fifty_once(error: BaseException, result: TaskResult) -> datetime.timedelta | None:
    assert isinstance(error, ValueError)
    return datetime.timedelta(seconds=50) if len(result.errors) == 1 else None


@task(max_attempts=3, backoff=fifty_once)
def fail_with_function() -> None:
    raise ValueError("always")


@task(max_attempts=5)
def not_now() -> None:
    raise RetryAfter(30)


@task(max_attempts=5, retry_on=(ConnectionError,))
def retry_on_connection_errors(name: str) -> None:
    raise {"ValueError": ValueError, "ConnectionError": ConnectionError}[name]("told to")


@task(discard_on=(LookupError,))
def discard_missing() -> None:
    raise KeyError("the order is gone")


@task
def kill_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task
def add_after(seconds: float, number: int) -> int:
    time.sleep(seconds)
    return number


@task(timeout=0.3, max_attempts=2, backoff=0.0)
def hang() -> None:
    time.sleep(1000)


@task
def wait_for(folder: str) -> str:
    """Says that it has started, then waits for a file called "go"."""
    started = Path(folder, "started")
    started.write_text(started.read_text() + "x" if started.exists() else "x")
    while not Path(folder, "go").exists():
        time.sleep(0.01)
    return "went"
