"""Tasks that leave traces outside of the database, or strain the worker."""

import os
import signal
import time
from pathlib import Path

from django.tasks import TaskContext

from djbundle.tasks.typed import task

LEAKED: list[bytes] = []


@task(takes_context=True)
def leave_trace(context: TaskContext, path: str, number: int, seconds: float = 0.0) -> int:
    """Append a line with the number and the attempt, to one file at the beginning and to another at the end."""
    _append(Path(f"{path}.begun"), number, context.attempt)
    time.sleep(seconds)
    _append(Path(path), number, context.attempt)
    return number * 2


def _append(path: Path, number: int, attempt: int) -> None:
    """Append the line in one write, so that no two lines mix."""
    with path.open("ab", buffering=0) as file:
        file.write(f"{number} {attempt}\n".encode())


@task
def tell_process(seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return os.getpid()


@task
def leak(megabytes: int) -> int:
    LEAKED.append(os.urandom(1 << 20) * megabytes)
    return os.getpid()


@task
def return_what_is_no_json() -> float:
    return float("nan")


@task
def return_zero_byte() -> str:
    return "\0"


@task(max_attempts=1)
def fail_with_strange_text() -> None:
    raise ValueError("\0 \ud800")


@task
def die_once_told(folder: str) -> None:
    """Die in the first run, once the file "go" exists."""
    Path(folder, "armed").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.01)
    if not Path(folder, "died").exists():
        Path(folder, "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
