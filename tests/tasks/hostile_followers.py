"""Tasks that cannot be enqueued without running project code that exits, kills its process, or never returns."""

import os
import sys
import time
from typing import Any, Never

from djbundle.tasks.typed import task


def is_mended() -> bool:
    return os.environ.get("TASKS_TEST_KEYS") == "mended"


class EvilText(str):
    """A text that ends any process that pickles it."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: Any) -> Never:
        sys.exit(3)


def exit_in_key(*_args: Any) -> str:
    return "" if is_mended() else sys.exit(3)


def die_in_key(*_args: Any) -> str:
    return "" if is_mended() else os._exit(3)


def hang_in_key(*_args: Any) -> str:
    time.sleep(0 if is_mended() else 3600)
    return ""


class Key:
    """Its text is an instance of a subclass of str."""

    def __str__(self) -> str:
        return EvilText("key")


@task(concurrency=1, concurrency_key=exit_in_key)
def exits(value: Any = None) -> Any:
    return value


@task(concurrency=1, concurrency_key=die_in_key)
def dies(value: Any = None) -> Any:
    return value


@task(concurrency=1, concurrency_key=hang_in_key)
def hangs(value: Any = None) -> Any:
    return value


@task(concurrency=1, concurrency_key=lambda *_args: Key())  # type: ignore[arg-type]
def has_strange_key(value: Any = None) -> Any:
    return value


@task
def plain(value: Any = None) -> Any:
    return value


@task(unique=True, unique_for=3600, concurrency=5, concurrency_key=lambda *_args: "key")
def only_one(value: Any = None) -> Any:
    return value
