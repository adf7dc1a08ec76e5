"""The event loop that the async tasks of a process share. Its thread starts with the first of them."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connections

from djbundle.tasks import signals
from djbundle.tasks.store.outcome import Outcome, error_entry, failure
from djbundle.tasks.worker import forks
from djbundle.tasks.worker.attempt import Attempt, close_old_connections
from djbundle.tasks.worker.process.shared_loop import protect


class EventLoop:
    """An event loop that starts when it is first needed, and ends with the process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def run(self, attempt: Attempt, on_end: Callable[[Outcome], None]) -> None:
        """Start the attempt, and return. `on_end` is called in any thread when it has ended."""

        def fail(error: BaseException) -> None:
            on_end(failure(attempt.run.pk, attempt.run.epoch, error_entry(error)))

        async def run_to_end() -> None:
            try:
                outcome = await _outcome_of(attempt)
            except BaseException as error:  # any error: a task whose end is not reported would hold its place for ever
                fail(error)
            else:
                on_end(outcome)

        def check(begun: Future[None]) -> None:
            if error := _error_of(begun):
                fail(error)

        asyncio.run_coroutine_threadsafe(run_to_end(), self._running_loop()).add_done_callback(check)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                protect(self._loop)
                threading.Thread(target=_run, args=[self._loop], daemon=True).start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop. If a task stops it, end the process as a crash does, since no other task could report its end."""
    try:
        loop.run_forever()
    finally:
        print("a task has stopped the event loop; its process ends", file=sys.stderr, flush=True)
        os._exit(1)


def _error_of(future: Future[None]) -> BaseException | None:
    """Return what kept the coroutine from beginning: any other error is in its outcome."""
    return CancelledError() if future.cancelled() else future.exception()


async def _outcome_of(attempt: Attempt) -> Outcome:
    try:
        call = _returning(await _run_in_own_context(attempt))
    except BaseException as error:
        call = _raising(error)
    if signals.has_finished_listeners():  # receivers may use the database, and the outcome is written here
        return await asyncio.to_thread(_finish, attempt, call)
    return attempt.execute(call)


async def _run_in_own_context(attempt: Attempt) -> Any:
    """Run the task with its own thread for its synchronous parts, such as the ORM, as a request has."""
    async with ThreadSensitiveContext() as context:
        try:
            return await attempt.start()
        finally:
            forks.end_copy()
            if context in SyncToAsync.context_to_thread_executor:  # the thread exists, and ends with the task
                await sync_to_async(connections.close_all)()


def _finish(attempt: Attempt, call: Callable[[], Any]) -> Outcome:
    try:
        return attempt.execute(call)
    finally:
        close_old_connections()


def _returning(value: Any) -> Callable[[], Any]:
    return lambda: value


def _raising(error: BaseException) -> Callable[[], Any]:
    def call() -> Any:
        raise error

    return call
