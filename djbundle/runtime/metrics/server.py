"""Answers GET /metrics.

Anybody who reaches the address may connect and send nothing. So requests are read in threads, of which the oldest makes
room for a new one. The metrics are collected in one thread, once for all that have asked before.
"""

import contextlib
import itertools
import os
import platform
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.logs.lines import write
from djbundle.runtime.metrics import backups, broker, databases, serving
from djbundle.runtime.metrics.families import CONTENT_TYPE, Family, Sample, exposition
from djbundle.runtime.process.counters import Scoreboard
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.process.process_tree import walk_processes

PATH = "/metrics"
MAX_READING = 32  # connections whose request has not come; beyond that, the oldest is closed
MAX_ANSWERING = 16  # requests that are answered at once; beyond that, the answer is 503
COLLECT_TIMEOUT = 5.0  # seconds after which the process seems to hang, and beats no more
REQUEST_TIMEOUT = 5.0  # seconds for a request to arrive


def serve_metrics(bundle: Bundle, scoreboard: Scoreboard, listener: socket.socket, heartbeat: Heartbeat) -> int:
    """Serve metrics until SIGTERM."""
    MetricsServer(listener, lambda: collect(bundle, scoreboard), heartbeat).serve_forever()
    return 0


class Collector:
    """Collects in a thread of its own, which has its own connections to databases."""

    def __init__(self, collect_text: Callable[[], str]) -> None:
        self._collect_text = collect_text
        self._thread = ThreadPoolExecutor(1, "collector")
        self._next: Future[str] | None = None  # a collection that has not begun
        self._began_at: float | None = None  # when the one that runs has begun, monotonic seconds
        self._lock = threading.Lock()

    def text(self) -> str:
        """Return metrics that are collected from now on. Raise what collecting raises."""
        with self._lock:
            self._next = future = self._next or self._thread.submit(self._run)
        return future.result()

    def _run(self) -> str:
        with self._lock:
            self._next, self._began_at = None, time.monotonic()
        try:
            return self._collect_text()
        finally:
            self._began_at = None

    @property
    def hangs(self) -> bool:
        began_at = self._began_at
        return began_at is not None and time.monotonic() - began_at > COLLECT_TIMEOUT

    def close(self) -> None:
        self._thread.shutdown(wait=False)


class MetricsServer(ThreadingMixIn, HTTPServer):
    """Logs its errors as lines, like all of `serve`. A client that disconnects is not an error."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, collect_text: Callable[[], str], heartbeat: Heartbeat) -> None:
        super().__init__(("", 0), MetricsHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.collector, self._heartbeat = Collector(collect_text), heartbeat
        self._reading: dict[Any, None] = {}  # connections whose request has not come, the oldest first
        self._lock = threading.Lock()
        self.answering = threading.BoundedSemaphore(MAX_ANSWERING)

    def service_actions(self) -> None:
        """Beat. The server's loop calls this twice a second."""
        if not self.collector.hangs:
            self._heartbeat.beat()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Read the request in another thread."""
        with self._lock:
            oldest = next(iter(self._reading)) if len(self._reading) >= MAX_READING else None
            self._reading.pop(oldest, None)
            self._reading[request] = None
        if oldest:
            stop_reading(oldest)
        super().process_request(request, client_address)

    def end_reading(self, request: Any) -> None:
        """Note that the request has come, or that its connection is closed."""
        with self._lock:
            self._reading.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        self.end_reading(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        self.collector.close()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as it is called
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            write("error", "serve", f"a request for metrics failed: {error}", trace=traceback.format_exc())


class MetricsHandler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = REQUEST_TIMEOUT
    server_version, sys_version = "djbundle", ""

    def setup(self) -> None:
        """Limit the whole request to REQUEST_TIMEOUT, like each part of it."""
        super().setup()
        self.deadline = threading.Timer(REQUEST_TIMEOUT, stop_reading, [self.connection])
        self.deadline.start()

    def finish(self) -> None:
        self.deadline.cancel()
        super().finish()

    def do_GET(self) -> None:
        self.deadline.cancel()
        self.server.end_reading(self.connection)
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif not self.server.answering.acquire(blocking=False):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            try:
                self.send_metrics()
            finally:
                self.server.answering.release()

    def send_metrics(self) -> None:
        try:
            body = self.server.collector.text().encode()
        except Exception as error:  # of a database driver, too
            write("error", "serve", f"metrics cannot be collected: {error}", trace=traceback.format_exc())
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Log nothing: no reader of the log wants these requests."""


def stop_reading(connection: socket.socket) -> None:
    """End the read of the thread that has this connection."""
    with contextlib.suppress(OSError):  # the client has disconnected
        connection.shutdown(socket.SHUT_RD)


def collect(bundle: Bundle, scoreboard: Scoreboard) -> str:
    manifest, app = bundle.manifest, os.getppid()
    labels = {"name": manifest.name, "version": manifest.version, "django": manifest.build.django}
    info = Family("djbundle_info", "gauge", "What runs.", [Sample(1, labels | {"python": platform.python_version()})])
    families = (
        serving.requests(scoreboard),
        [serving.starts(scoreboard)],
        serving.processes(walk_processes(app)),
        backups.backups(bundle),
        databases.databases(),
        databases.tasks(),
        broker.broker(),
    )
    return exposition(itertools.chain([info], *families))
