"""The lifespan of an ASGI site: it may prepare itself before the first request, and clean up after the last one.

Each web process runs it once, as other ASGI servers do. See https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator
from typing import Any

from djbundle.errors import LifespanError
from djbundle.runtime.logs.lines import write

TIMEOUT = 10.0  # seconds for the site to clean up
SLOW_STARTUP = 10.0  # seconds for the site to prepare itself, after which the log says that requests wait
VERSIONS = {"version": "3.0", "spec_version": "2.0"}

Message = dict[str, Any]


class Lifespan:
    """The lifespan of `application`. With the mode "auto", a site that has none is served all the same."""

    def __init__(self, application: Any, mode: str = "auto") -> None:
        self.application, self.mode = application, mode
        self.state: Message = {}  # which the site fills, and each request gets a copy of
        self.is_supported = False
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Let the site prepare itself. Raise LifespanError if it fails, or has no lifespan though the mode is "on"."""
        if self.mode == "off":
            return
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self.state}
        self._task = task = asyncio.ensure_future(self.application(scope, self._messages.get, self._answers.put))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())  # else asyncio complains of it
        late = asyncio.get_running_loop().call_later(SLOW_STARTUP, log_wait)
        answer = await self._ask("startup", task)
        late.cancel()
        if answer is None and self.mode == "on":
            raise LifespanError(f"the site has no lifespan: {self._error()}", "serve it with --lifespan auto")
        if answer and answer["type"] == "lifespan.startup.failed":
            cause = f"the site fails to start: {answer.get('message') or 'it does not say why'}"
            raise LifespanError(cause, "see its own log for what it lacks")
        self.is_supported = answer is not None

    async def stop(self) -> None:
        """Let the site clean up, and log it if that fails."""
        if self.is_supported and self._task and not self._task.done():
            answer = await self._ask("shutdown", self._task, TIMEOUT)
            if answer is None or answer["type"] == "lifespan.shutdown.failed":
                message = answer.get("message") if answer else self._error()
                write("error", "serve", f"the site fails to clean up: {message}")
        if self._task:
            self._task.cancel()

    async def _ask(self, event: str, task: "asyncio.Task[None]", timeout: float | None = None) -> Message | None:
        """Send an event, and return the answer; None if the site ends without one, or answers nothing in time."""
        await self._messages.put({"type": f"lifespan.{event}"})
        answer = asyncio.ensure_future(self._answers.get())
        await asyncio.wait([answer, task], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            return None
        return answer.result()

    def _error(self) -> str:
        """Return why the site has ended its lifespan."""
        error = self._task.exception() if self._task and self._task.done() and not self._task.cancelled() else None
        text = "".join(traceback.format_exception_only(error)).strip() if error else ""
        return text or "it does not answer"


def log_wait() -> None:
    text = f"the site's lifespan has not answered its startup for {SLOW_STARTUP:.0f} s; requests wait until it does"
    write("warning", "serve", text)


@contextlib.asynccontextmanager
async def running(lifespan: Lifespan | None) -> AsyncIterator[None]:
    """Keep the lifespan of a site, if it has one, for the time of the block."""
    if lifespan is None:
        yield
        return
    await lifespan.start()
    try:
        yield
    finally:
        await lifespan.stop()
