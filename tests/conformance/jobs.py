"""Tasks of the project, in each way to write one."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conformance.api import TaskContext, TaskResult, task_finished

if TYPE_CHECKING:
    from djbundle.tasks.typed import task
else:
    from tests.conformance.api import task


@task
def nothing(*args: Any, **kwargs: Any) -> None:
    """Accept any arguments."""


@task()
def nothing_with_parentheses() -> None:
    pass


@task
async def nothing_async(*args: Any, **kwargs: Any) -> None:
    pass


@task
def double(number: int) -> int:
    return 2 * number


@task
async def double_async(number: int) -> int:
    return 2 * number


@task
def give_back(value: Any) -> Any:
    return value


@task
def fail(kind: str) -> None:
    raise {"ValueError": ValueError, "SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}[kind]("as told")


@task
def fail_with_nested_error() -> None:
    raise ValueError(ValueError("inside"))


@task(takes_context=True)
def tell_context(context: TaskContext, word: str) -> list[Any]:
    result = context.task_result
    is_context = isinstance(context, TaskContext)
    return [is_context, context.attempt, result.id, str(result.status), result.kwargs, word]


@task(max_attempts=3, backoff=0)
def fail_twice(folder: str) -> int:
    runs = Path(folder, "runs")
    with runs.open("a") as file:
        file.write("x")
    if len(runs.read_text()) < 3:
        raise OSError("not yet")
    return len(runs.read_text())


def without_context(word: str) -> None:
    pass


def write_what_is_recorded(sender: Any, task_result: TaskResult, **_: Any) -> None:
    """Write down what the database holds while task_finished is sent."""
    task_result.refresh()
    with Path(os.environ["CONFORMANCE_HEARD"]).open("a") as file:
        file.write(f"{task_result.task.name} {task_result.status} {task_result.finished_at is not None}\n")


if "CONFORMANCE_HEARD" in os.environ:
    task_finished.connect(write_what_is_recorded)
