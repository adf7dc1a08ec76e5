"""``/up``: tells whether the site can work. It is answered before the project is entered, whatever ALLOWED_HOSTS says.

Load balancers and containers ask often, so each web process uses an answer for a second. ``/up/live`` checks nothing: a
process that answers is alive.
"""

import json
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from asgiref.sync import sync_to_async
from django.apps import apps
from django.urls import Resolver404, resolve

from djbundle.runtime.http.protocol.own_response import OwnResponse
from djbundle.runtime.http.readiness import find_problems, find_warnings

CACHE_SECONDS = 1.0  # seconds
DATABASE_TIMEOUT = 3.0  # seconds for the databases to answer
LIVE_SUFFIX = "/live"  # appended to the path
HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]

HealthResponse = tuple[HTTPStatus, bytes]


class ProblemSource(Protocol):
    def problems(self) -> list[str]:
        """Return what is wrong, in words that reveal no secret."""
        ...


class Findings(NamedTuple):
    problems: list[str]  # for which the site is not ready
    warnings: list[str]  # for the administrator


class Health:
    """Answers health checks, from several threads. `has_worker`: a task worker of this `serve` must send heartbeats.

    Each of `sources` is asked each time, since it reads only memory.
    """

    def __init__(self, path: str, *, has_worker: bool, sources: Sequence[ProblemSource] = ()) -> None:
        self._sources = sources
        self.paths = {path: self.ready, path.rstrip("/") + LIVE_SUFFIX: live}
        self._has_worker = has_worker and apps.is_installed("djbundle.tasks")
        self._lock = threading.Lock()
        self._checked_at = float("-inf")
        self._findings = Findings([], [])
        self._thread: ThreadPoolExecutor | None = None  # started after the fork, in the process that answers
        self._check: Future[Findings] | None = None

    def findings(self) -> Findings:
        """Return what is wrong, in words that reveal no secret. No wait is longer than DATABASE_TIMEOUT."""
        if not self._lock.acquire(timeout=DATABASE_TIMEOUT):
            return Findings([timeout_problem()], [])
        try:
            if time.monotonic() - self._checked_at > CACHE_SECONDS:
                self._findings = self._check_databases()
                self._checked_at = time.monotonic()
            return self._findings
        finally:
            self._lock.release()

    def _check_databases(self) -> Findings:
        """Check in another thread, which may hang together with a database."""
        self._thread = self._thread or ThreadPoolExecutor(1, "health")
        self._check = self._check or self._thread.submit(find_all, has_worker=self._has_worker)
        try:
            findings = self._check.result(DATABASE_TIMEOUT)
        except TimeoutError:
            return Findings([timeout_problem()], [])
        self._check = None
        return findings

    def ready(self) -> HealthResponse:
        problems, warnings = self.findings()
        problems = [each for source in self._sources for each in source.problems()] + problems
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        body = {"ready": not problems, "problems": problems} | ({"warnings": warnings} if warnings else {})
        return status, json.dumps(body).encode() + b"\n"


def find_all(*, has_worker: bool) -> Findings:
    return Findings(find_problems(has_worker=has_worker), find_warnings())


def live() -> HealthResponse:
    return HTTPStatus.OK, b'{"live": true}\n'


def timeout_problem() -> str:
    return f"the databases do not answer within {DATABASE_TIMEOUT:.0f} s"


def is_unused_path(path: str) -> bool:
    """Return whether the project has no view of its own at this path."""
    try:
        resolve(path)
    except Resolver404:
        return True
    return False


def wrap(application: Any, interface: str, health: Health) -> Any:
    """Return the application of `interface`, with these paths in front."""
    return _wsgi(application, health) if interface == "wsgi" else _asgi(application, health)


def _wsgi(application: Any, health: Health) -> Any:
    paths = health.paths

    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        check = paths.get(environ["PATH_INFO"])
        if check is None:
            return application(environ, start_response)
        status, body = check()
        return OwnResponse(status, HEADERS, body).by_wsgi(start_response)

    return middleware


def _asgi(application: Any, health: Health) -> Callable[..., Awaitable[None]]:
    paths = health.paths

    async def middleware(scope: dict[str, Any], receive: Any, send: Any) -> None:
        check = paths.get(scope["path"]) if scope["type"] == "http" else None
        if check is None:
            await application(scope, receive, send)
            return
        status, body = await sync_to_async(check, thread_sensitive=False)()
        await OwnResponse(status, HEADERS, body).by_asgi(send)

    return middleware
