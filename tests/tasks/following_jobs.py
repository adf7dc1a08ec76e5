"""Tasks that follow others, and cannot always be enqueued."""

import os
from pathlib import Path
from typing import Any

from djbundle.tasks.typed import task


def key_of(*_args: Any) -> str:
    """Return a key, or fail as long as the blocking file exists."""
    blocker = os.environ.get("TASKS_TEST_BLOCKER", "")
    if blocker and Path(blocker).exists():
        raise LookupError("the account is gone")
    return "account"


def another_key(*_args: Any) -> str:
    return "another"


@task(concurrency=1, concurrency_key=key_of)
def with_key(value: Any) -> Any:
    return value


@task(unique=True)
def only_one(value: Any) -> Any:
    return value


@task(discard_on=(LookupError,))
def discard() -> None:
    raise LookupError("the order is gone")


if os.environ.get("TASKS_TEST_CODE") == "new":

    @task(concurrency=1)
    def only_in_new_code(value: Any) -> Any:
        return value
