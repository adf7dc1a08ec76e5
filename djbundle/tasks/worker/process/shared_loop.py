"""Keeps a task from changing the event loop that it shares with other tasks, as code that believes to own it does.

A factory or a handler would get the tasks of others too, and an executor that is shut down refuses them for ever.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

SETTERS = ("set_task_factory", "set_exception_handler", "set_default_executor")
SHUTDOWNS = ("shutdown_default_executor", "shutdown_asyncgens")
logger = logging.getLogger("djbundle.tasks")


def protect(loop: asyncio.AbstractEventLoop) -> None:
    """Make methods of the loop do nothing that would change it for all tasks."""
    for name in SETTERS:
        setattr(loop, name, _ignored(name))
    for name in SHUTDOWNS:
        setattr(loop, name, _ignored_later(name))


def _ignored(name: str) -> Callable[..., None]:
    def ignore(*_arguments: Any, **_options: Any) -> None:
        logger.warning("a task has called %s() of the event loop that it shares; that has no effect", name)

    return ignore


def _ignored_later(name: str) -> Callable[..., Any]:
    ignore = _ignored(name)

    async def ignore_later(*_arguments: Any, **_options: Any) -> None:
        ignore()

    return ignore_later
