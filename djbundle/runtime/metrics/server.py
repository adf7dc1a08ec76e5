"""Answers GET /metrics, one question after the other."""

import contextlib
import itertools
import os
import platform
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.metrics import databases, serving
from djbundle.runtime.metrics.families import CONTENT_TYPE, Family, Sample, exposition
from djbundle.runtime.process.counters import Board
from djbundle.runtime.process.heartbeat import Heart
from djbundle.runtime.process.process_tree import tree

PATH = "/metrics"
PATIENCE = 5.0  # seconds for a question to come


def serve_metrics(bundle: Bundle, board: Board, listener: socket.socket, heart: Heart) -> int:
    """Until SIGTERM."""

    class Server(HTTPServer):
        def service_actions(self) -> None:
            """Called by its loop, twice a second."""
            heart.beat()

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE
        server_version, sys_version = "djbundle", ""

        def setup(self) -> None:
            """Each part of a question may take so long, and all of it too: others wait behind it."""
            super().setup()
            self.deadline = threading.Timer(PATIENCE, self.give_up)
            self.deadline.start()

        def give_up(self) -> None:
            with contextlib.suppress(OSError):  # it has gone
                self.connection.shutdown(socket.SHUT_RD)

        def finish(self) -> None:
            self.deadline.cancel()
            super().finish()

        def do_GET(self) -> None:
            self.deadline.cancel()
            if self.path.partition("?")[0] != PATH:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            body = collect(bundle, board).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Nobody wants to read of it."""

    server = Server(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.serve_forever()
    return 0


def collect(bundle: Bundle, board: Board) -> str:
    manifest, app = bundle.manifest, os.getppid()
    labels = {"name": manifest.name, "version": manifest.version, "django": manifest.build.django}
    about = Family("djbundle_info", "gauge", "What runs.", [Sample(1, labels | {"python": platform.python_version()})])
    families = (
        serving.requests(board),
        [serving.starts(board)],
        serving.processes(tree(app)),
        databases.databases(),
        databases.tasks(),
    )
    return exposition(itertools.chain([about], *families))
