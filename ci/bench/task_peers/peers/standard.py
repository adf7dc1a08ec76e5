"""Tasks of peers that are backends of django.tasks."""

from typing import Any

DURABLE = "with the request, on disk"


def task(function: Any) -> Any:
    from django.tasks import task as decorate  # noqa: PLC0415 - the benchmark itself reads these modules too

    return decorate()(function)


def enqueue(task: Any, value: int) -> None:
    task.enqueue(value)
