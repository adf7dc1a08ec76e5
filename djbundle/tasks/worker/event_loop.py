"""Async tasks of a process share one event loop, in a thread that starts with the first of them."""

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
    """Starts when it is first needed, and ends with the process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def run(self, attempt: Attempt, ended: Callable[[Outcome], None]) -> None:
        """Begin it, and return; `ended` is called when it has ended, in any thread."""

        async def follow() -> None:
            try:
                outcome = await _outcome_of(attempt)
            except BaseException as error:  # whatever it is: a task whose end nobody hears holds its place for ever
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
    """A task that stops the loop ends this process, as one that kills it does: nobody would hear of the others."""
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
    if signals.finish_is_heard():  # by receivers that may use the database, and by our own writing
        return await asyncio.to_thread(_conclude, attempt, call)
    return attempt.run(call)


async def _alone(attempt: Attempt) -> Any:
    """Its synchronous parts, the ORM for one, have a thread of their own, as those of a request have."""
    async with ThreadSensitiveContext() as context:
        try:
            return await attempt.start()
        finally:
            if context in SyncToAsync.context_to_thread_executor:  # the thread is there, and ends with the task
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
