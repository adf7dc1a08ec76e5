"""The tasks that promises are checked with. Workers import this module by its path.

The first argument of most is the folder of the promise's journal.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from djbundle.tasks import RetryAfter, compat
from djbundle.tasks.backends import queue_of
from djbundle.tasks.conformance import journal

VARIABLE = "CONFORMANCE_BACKEND"  # names the backend under test, also to the workers
ALIAS = os.environ.get(VARIABLE, "default")
PAUSE = 0.02  # seconds between two looks

QUEUE = queue_of(compat.task_backends[ALIAS])


def task(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that makes a task of the backend under test."""
    decorator: Callable[[Callable[..., Any]], Any] = compat.task(backend=ALIAS, queue_name=QUEUE, **options)
    return decorator


@task()
def note(folder: str, text: Any = "ran") -> None:
    journal.write(folder, text)


@task()
def note_slowly(folder: str, text: Any) -> None:
    time.sleep(2 * PAUSE)
    journal.write(folder, text)


@task()
async def note_async(folder: str, text: Any = "ran") -> None:
    journal.write(folder, text)


@task()
def note_arguments(folder: str, *args: Any, **kwargs: Any) -> None:
    journal.write(folder, [list(args), kwargs])


@task()
def give_back(value: Any) -> Any:
    return value


@task()
def repeat(text: str, times: int) -> str:
    return text * times


@task()
def add(number: int, more: int = 1, folder: str = "") -> int:
    if folder:
        journal.write(folder, number + more)
    return number + more


@task()
def note_result(result: Any, folder: str) -> None:
    journal.write(folder, result)


@task()
def fail(folder: str, text: str = "as told") -> None:
    journal.write(folder, "failed")
    raise ValueError(text)


@task()
def fail_until(folder: str, successes_at: int) -> str:
    """Fail until it has been called that often."""
    journal.write(folder, time.time())
    if len(journal.read(folder)) < successes_at:
        raise ValueError("not yet")
    return "at last"


@task()
def ask_again(folder: str, times: int) -> str:
    """Ask to run again, so many times."""
    journal.write(folder, "asked")
    if len(journal.read(folder)) <= times:
        raise RetryAfter(0.2)
    return "done"


@task()
def return_object() -> object:
    return object()


@task()
def exit_process(folder: str) -> None:
    journal.write(folder, "exits")
    raise SystemExit("as told")


@task()
def kill_own_process(folder: str) -> None:
    journal.write(folder, "dies")
    os.kill(os.getpid(), signal.SIGKILL)


@task()
def hang(folder: str) -> None:
    """Run until the promise is over."""
    journal.write(folder, "start")
    while journal.is_waiting(folder):
        time.sleep(PAUSE)
    journal.write(folder, "end")


@task()
def take(folder: str, seconds: float) -> None:
    journal.write(folder, "start")
    end = time.monotonic() + seconds
    while time.monotonic() < end and Path(folder).exists():
        time.sleep(PAUSE)
    journal.write(folder, "end")


@task()
def alone(folder: str, name: str = "all") -> None:
    """Write down whether another call with this name runs at the same time."""
    mark = Path(folder, f"mark-{name}")
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        journal.write(folder, "together")
        return
    time.sleep(2 * PAUSE)
    mark.unlink(missing_ok=True)
    journal.write(folder, name)


@task(takes_context=True)
def tell_context(context: Any, folder: str, word: str) -> list[Any]:
    values = [context.attempt, context.task_result.id, word]
    journal.write(folder, values)
    return values


@task(takes_context=True)
def report(context: Any, folder: str) -> None:
    """Report progress until it is asked to stop, or the promise is over."""
    journal.write(folder, "start")
    try:
        while journal.is_waiting(folder):
            context.progress(1, 2, "half")
            time.sleep(PAUSE)
    except Exception as error:
        journal.write(folder, type(error).__name__)
        raise
    journal.write(folder, "end")
