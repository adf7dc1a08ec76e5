"""``/up``: whether the site can do its work, answered before the project is entered, whatever its ALLOWED_HOSTS.

A load balancer or a container asks often, so an answer is good for a second, in each web process. ``/up/live`` looks at
nothing: a process that answers lives.
"""

import json
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.urls import Resolver404, resolve

from djbundle.runtime.http.readiness import look
from djbundle.runtime.process.heartbeat import Watch

GOOD_FOR = 1.0  # seconds
PATIENCE = 3.0  # seconds for the databases to answer
LIVE = "/live"  # behind the path
HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]

Answer = tuple[HTTPStatus, bytes]


class Health:
    """`has_worker`: a task worker belongs to this `serve`, and is to be heard of. To be asked by several threads."""

    def __init__(self, path: str, *, has_worker: bool, watch: Watch | None = None) -> None:
        self._watch = watch
        self.paths = {path: self.ready, path.rstrip("/") + LIVE: live}
        self._has_worker = has_worker and apps.is_installed("djbundle.tasks")
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._problems: list[str] = []
        self._thread: ThreadPoolExecutor | None = None  # made in the process that is asked, behind the fork
        self._look: Future[list[str]] | None = None

    def problems(self) -> list[str]:
        """What is not as it should be, in words that tell no secret. Waits for nobody longer than PATIENCE."""
        if not self._lock.acquire(timeout=PATIENCE):
            return [late()]
        try:
            if time.monotonic() - self._looked > GOOD_FOR:
                self._problems = self._find()
                self._looked = time.monotonic()
            return self._problems
        finally:
            self._lock.release()

    def _find(self) -> list[str]:
        """A thread looks, which may hang in a database that does."""
        self._thread = self._thread or ThreadPoolExecutor(1, "health")
        self._look = self._look or self._thread.submit(look, has_worker=self._has_worker)
        try:
            found = self._look.result(PATIENCE)
        except TimeoutError:
            return [late()]
        self._look = None
        return found

    def ready(self) -> Answer:
        problems = [*(self._watch.problems() if self._watch else ()), *self.problems()]
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        return status, json.dumps({"ready": not problems, "problems": problems}).encode() + b"\n"


def live() -> Answer:
    return HTTPStatus.OK, b'{"live": true}\n'


def late() -> str:
    return f"the databases do not answer within {PATIENCE:.0f} s"


def is_free(path: str) -> bool:
    """Whether the project has no view of its own there."""
    try:
        resolve(path)
    except Resolver404:
        return True
    return False


def wrap(application: Any, interface: str, health: Health) -> Any:
    """The application of `interface`, with these paths in front."""
    return _wsgi(application, health) if interface == "wsgi" else _asgi(application, health)


def _wsgi(application: Any, health: Health) -> Any:
    paths = health.paths

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        asked = paths.get(environ["PATH_INFO"])
        if asked is None:
            return application(environ, start_response)
        status, body = asked()
        start_response(f"{status.value} {status.phrase}", [*HEADERS, ("Content-Length", str(len(body)))])
        return [body]

    return answer


def _asgi(application: Any, health: Health) -> Callable[..., Awaitable[None]]:
    paths = health.paths

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        asked = paths.get(scope["path"]) if scope["type"] == "http" else None
        if asked is None:
            await application(scope, receive, send)
            return
        status, body = await sync_to_async(asked, thread_sensitive=False)()
        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
        await send({"type": "http.response.start", "status": status.value, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer
