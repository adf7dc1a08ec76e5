"""Answers GET /metrics, one request after the other."""

import contextlib
import itertools
import os
import platform
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.logs.lines import write
from djbundle.runtime.metrics import broker, databases, serving
from djbundle.runtime.metrics.families import CONTENT_TYPE, Family, Sample, exposition
from djbundle.runtime.process.counters import Scoreboard
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.process.process_tree import walk_processes

PATH = "/metrics"
REQUEST_TIMEOUT = 5.0  # seconds for a request to arrive


def serve_metrics(bundle: Bundle, scoreboard: Scoreboard, listener: socket.socket, heartbeat: Heartbeat) -> int:
    """Serve metrics until SIGTERM."""
    MetricsServer(listener, lambda: collect(bundle, scoreboard), heartbeat).serve_forever()
    return 0


class MetricsServer(HTTPServer):
    """Logs its errors as lines, like all of `serve`. A client that disconnects is no error."""

    def __init__(self, listener: socket.socket, collect_text: Callable[[], str], heartbeat: Heartbeat) -> None:
        super().__init__(("", 0), MetricsHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.collect_text, self._heartbeat = collect_text, heartbeat

    def service_actions(self) -> None:
        """Beat. The server's loop calls this twice a second."""
        self._heartbeat.beat()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as it is called
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            write("error", "serve", f"a question to metrics failed: {error}", trace=traceback.format_exc())


class MetricsHandler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = REQUEST_TIMEOUT
    server_version, sys_version = "djbundle", ""

    def setup(self) -> None:
        """Limit the whole request to REQUEST_TIMEOUT, like each part of it: others wait behind it."""
        super().setup()
        self.deadline = threading.Timer(REQUEST_TIMEOUT, self.stop_reading)
        self.deadline.start()

    def stop_reading(self) -> None:
        with contextlib.suppress(OSError):  # the client has disconnected
            self.connection.shutdown(socket.SHUT_RD)

    def finish(self) -> None:
        self.deadline.cancel()
        super().finish()

    def do_GET(self) -> None:
        self.deadline.cancel()
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            body = self.server.collect_text().encode()
        except Exception as error:  # of a database driver, too
            write("error", "serve", f"metrics cannot be told: {error}", trace=traceback.format_exc())
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Log nothing: no reader of the log wants these requests."""


def collect(bundle: Bundle, scoreboard: Scoreboard) -> str:
    manifest, app = bundle.manifest, os.getppid()
    labels = {"name": manifest.name, "version": manifest.version, "django": manifest.build.django}
    info = Family("djbundle_info", "gauge", "What runs.", [Sample(1, labels | {"python": platform.python_version()})])
    families = (
        serving.requests(scoreboard),
        [serving.starts(scoreboard)],
        serving.processes(walk_processes(app)),
        databases.databases(),
        databases.tasks(),
        broker.broker(),
    )
    return exposition(itertools.chain([info], *families))
