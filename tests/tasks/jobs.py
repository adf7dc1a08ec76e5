"""Tasks for the tests."""

import datetime
import os
import signal
import time
from pathlib import Path

from django.tasks import TaskContext, TaskResult

from djbundle.tasks import RetryAfter
from djbundle.tasks.typed import task


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
    """Record the start, then wait for a file called "go"."""
    started = Path(folder, "started")
    started.write_text(started.read_text() + "x" if started.exists() else "x")
    while not Path(folder, "go").exists():
        time.sleep(0.01)
    return "went"


@task
def double(number: int) -> int:
    return 2 * number


@task
def total(numbers: list[int], plus: int = 0) -> int:
    return sum(numbers) + plus


@task
def say(text: str) -> str:
    return text


@task
def fail_while_there(path: str) -> str:
    """Fail as long as this file exists."""
    if Path(path).exists():
        raise ValueError("it is still there")
    return "gone"


@task(concurrency=1, concurrency_key=lambda account, _folder: f"account {account}")
def alone_with(account: int, folder: str) -> None:
    """Fail if another task with the same account runs at the same time."""
    mark = Path(folder, str(account))
    mark.touch(exist_ok=False)
    time.sleep(0.02)
    mark.unlink()


@task(takes_context=True)
def count_to(context: TaskContext, end: int) -> int:
    for number in range(1, end + 1):
        context.progress(number, end, f"number {number}")  # type: ignore[attr-defined]
    return end


@task(takes_context=True, max_attempts=3)
def until_cancelled(context: TaskContext, folder: str) -> None:
    Path(folder, "started").touch()
    while True:
        context.progress(1, 2, "waiting")  # type: ignore[attr-defined]
        time.sleep(0.01)


@task
def note(path: str, text: str = "x") -> None:
    """Add a line to a file."""
    with Path(path).open("a") as file:
        file.write(f"{text}\n")
