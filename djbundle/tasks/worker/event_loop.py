"""The event loop that the async tasks of a process share. Its thread starts with the first of them."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connections

from djbundle.tasks import signals
from djbundle.tasks.store.outcome import Outcome, error_entry, failure
from djbundle.tasks.worker.attempt import Attempt, close_old_connections


class EventLoop:
    """An event loop that starts when it is first needed, and ends with the process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def run(self, attempt: Attempt, ended: Callable[[Outcome], None]) -> None:
        """Start the attempt, and return. `ended` is called in any thread when it has ended."""

        async def follow() -> None:
            try:
                outcome = await _outcome_of(attempt)
            except BaseException as error:  # any error: a task whose end is not reported would hold its place for ever
                outcome = failure(attempt.of.pk, attempt.of.epoch, error_entry(error))
            ended(outcome)

        asyncio.run_coroutine_threadsafe(follow(), self._started())

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=[self._loop], daemon=True).start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop. If a task stops it, end the process as a crash does, since no other task could report its end."""
    try:
        loop.run_forever()
    finally:
        print("a task has stopped the event loop; its process ends", file=sys.stderr, flush=True)
        os._exit(1)


async def _outcome_of(attempt: Attempt) -> Outcome:
    try:
        call = _returning(await _alone(attempt))
    except BaseException as error:
        call = _raising(error)
    if signals.finish_is_heard():  # receivers may use the database, and the outcome is written here
        return await asyncio.to_thread(_conclude, attempt, call)
    return attempt.run(call)


async def _alone(attempt: Attempt) -> Any:
    """Run the task with its own thread for its synchronous parts, such as the ORM, as a request has."""
    async with ThreadSensitiveContext() as context:
        try:
            return await attempt.start()
        finally:
            if context in SyncToAsync.context_to_thread_executor:  # the thread exists, and ends with the task
                await sync_to_async(connections.close_all)()


def _conclude(attempt: Attempt, call: Callable[[], Any]) -> Outcome:
    try:
        return attempt.run(call)
    finally:
        close_old_connections()


def _returning(value: Any) -> Callable[[], Any]:
    return lambda: value


def _raising(error: BaseException) -> Callable[[], Any]:
    def call() -> Any:
        raise error

    return call
