"""Tasks for the tests."""

import os
import signal
import time
from pathlib import Path

from django.tasks import TaskContext, task


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


@task
def kill_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task
def wait_for(folder: str) -> str:
    """Says that it has started, then waits for a file called "go"."""
    started = Path(folder, "started")
    started.write_text(started.read_text() + "x" if started.exists() else "x")
    while not Path(folder, "go").exists():
        time.sleep(0.01)
    return "went"
