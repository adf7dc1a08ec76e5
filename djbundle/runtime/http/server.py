"""Runs Granian through its Python API, on sockets of ours and with an application that is already loaded.

Only this file knows Granian's workers. Any number of them serve one application in one process.
"""

import asyncio
import logging
import os
import resource
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from granian._granian import ASGIWorker, CallbackScheduler, SocketHolder, WorkerSignal
from granian._loops import loops
from granian.constants import HTTPModes, Loops, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings

from djbundle.manifest import Interface
from djbundle.runtime.http import readiness
from djbundle.runtime.http.asgi_gateway import AsgiGateway
from djbundle.runtime.http.lifespan import Lifespan
from djbundle.runtime.http.limits.idle_reaper import RequestTracker
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.response_heads import ResponseHeads
from djbundle.runtime.http.receivers import MAX_RECEIVERS, NO_IDLE_TIMEOUT, Receivers
from djbundle.runtime.http.websockets import WebSocketDrain
from djbundle.runtime.http.wsgi_gateway import AnswerFromMemory, WsgiGateway
from djbundle.runtime.net.sockets import BACKLOG
from djbundle.runtime.options.http import HttpOptions
from djbundle.runtime.tls.pair import CertificatePair

make_native_worker: Any = ASGIWorker  # its types are those of an older version
MAX_OPEN_FILES = 65536
RESERVED_FILES = 256  # descriptors for everything but connections
FILES_PER_CONNECTION = 2  # the socket, and the file that is sent over it
RUNTIME_THREADS, RUNTIME_BLOCKING_THREADS = 1, 512  # Granian's defaults
MAX_CONCURRENT_STREAMS = 128  # concurrent requests over one HTTP/2 connection; browsers send at most 100
STREAM_BUFFER_SIZE = 128 << 10  # bytes that each of them may have ready to send
NO_METRICS = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    interface: Interface
    blocking_threads: int
    http: HttpOptions
    spool: str | None = None  # folder for request bodies


@dataclass(slots=True)
class GranianWorker:
    """One of Granian's workers."""

    signal: WorkerSignal
    stopped: asyncio.Event
    socket: int  # the descriptor from which it accepts
    is_draining: bool = False  # it drains: clients are told to open another connection
    websocket_drain: WebSocketDrain = field(default_factory=WebSocketDrain)
    receivers: Receivers | None = None  # of a WSGI site

    def drain(self) -> None:
        """Drain: accept no more connections, and close each after its next response. Others listen on the same socket.

        Granian can only stop at once, and would cut off clients that have just connected. So its descriptor is replaced
        by a socket whose name no client knows, and to which none will connect.
        """
        self.is_draining = True
        self.websocket_drain.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as nobody:
            nobody.bind(f"\0{secrets.token_hex()}")  # gVisor gives no name to a socket without one, see unix(7)
            nobody.listen()
            os.dup2(nobody.fileno(), self.socket, inheritable=False)

    def on_stopped(self) -> None:
        """Clean up after the worker has stopped."""
        if self.receivers:
            self.receivers.close()
        self.stopped.set()

    async def close_websockets(self) -> None:
        """Close the WebSockets and wait until they are closed. Granian does not report their end."""
        self.websocket_drain.start()
        await self.websocket_drain.wait_until_closed()


class DirectLoop:
    """Stands in for Granian's event loop: calls back at once, in Granian's own thread."""

    def call_soon(self, callback: Callable[[Any], object], future: Any, context: object = None) -> None:  # noqa: ARG002
        callback(future)

    call_soon_threadsafe = call_soon


class DirectScheduler(CallbackScheduler):
    """Hands requests to `receive` in Granian's own threads, without an event loop."""

    __slots__ = ()

    def __new__(cls, loop: DirectLoop | asyncio.AbstractEventLoop, receive: Callable[[Any], None]) -> Self:
        return super().__new__(cls, loop, receive, None, None, None)  # type: ignore[call-arg]

    def __init__(self, _loop: object, receive: Callable[[Any], None]) -> None:
        self._schedule_fn = receive


class Server:
    """One application, and the workers that serve it."""

    def __init__(
        self,
        application: Any,
        options: WebOptions,
        limits: Limits | None = None,
        answer_from_memory: AnswerFromMemory | None = None,
        lifespan: Lifespan | None = None,
        heads: ResponseHeads | None = None,
    ) -> None:
        use_log_of_site()
        self.options, self.lifespan = options, lifespan
        self.limits = limits or Limits(options.http)
        self.loop: asyncio.AbstractEventLoop = loops.get(Loops.auto)
        max_connections = (raise_file_limit() - RESERVED_FILES) // FILES_PER_CONNECTION
        self.max_connections = min(options.http.backpressure, max(1, max_connections))
        readiness.add_check(self.limits.refusals.problem)
        self.gateway: WsgiGateway | AsgiGateway
        if options.interface == "wsgi":
            threads = options.blocking_threads
            self.gateway = WsgiGateway(application, self.limits, threads, options.spool, answer_from_memory, heads)
        else:
            self.gateway = AsgiGateway(application, self.limits, self.loop)
            self.gateway.state = lifespan.state if lifespan else {}
        self.request_tracker: RequestTracker = self.gateway.request_tracker

    def start(self, listener: socket.socket, pair: CertificatePair | None) -> GranianWorker:
        """Serve a socket, with TLS if there is a certificate. Return without waiting."""
        http, is_unix = self.options.http, listener.family == socket.AF_UNIX
        is_wsgi = isinstance(self.gateway, WsgiGateway)
        worker = GranianWorker(WorkerSignal(), asyncio.Event(), os.dup(listener.fileno()))
        worker.signal.add_cb(lambda: self.loop.call_soon_threadsafe(worker.on_stopped))
        native_worker = make_native_worker(
            1,
            (None, SocketHolder(worker.socket, is_unix, BACKLOG)),  # type: ignore[call-arg]  # of an older version
            None,
            RUNTIME_THREADS,
            RUNTIME_BLOCKING_THREADS,
            MAX_RECEIVERS if is_wsgi else 1,
            NO_IDLE_TIMEOUT,
            self.max_connections,
            HTTPModes.auto,
            HTTP1Settings(header_read_timeout=http.header_read_timeout, max_buffer_size=http.max_buffer_size),
            HTTP2Settings(
                max_headers_size=http.max_buffer_size,
                max_concurrent_streams=MAX_CONCURRENT_STREAMS,
                max_send_buffer_size=STREAM_BUFFER_SIZE,
            ),
            not is_wsgi,  # WebSockets
            None,
            *tls_context(pair),
            NO_METRICS,
        )
        loop: Any = DirectLoop() if is_wsgi else self.loop
        scheduler = DirectScheduler(loop, self.receive_function(worker))
        serve = native_worker.serve_mtr_uds if is_unix else native_worker.serve_mtr
        serve(scheduler, loop, worker.signal)
        return worker

    def receive_function(self, worker: GranianWorker) -> Callable[[Any], None]:
        """Return the function that Granian calls with each request."""
        if isinstance(self.gateway, WsgiGateway):
            wsgi, receivers = self.gateway, self.gateway.new_receivers()
            worker.receivers = receivers
            return lambda watcher: wsgi.receive(watcher, receivers, is_draining=worker.is_draining)
        asgi = self.gateway
        return lambda watcher: asgi.receive(watcher, worker.websocket_drain, is_draining=worker.is_draining)

    def sweep(self) -> None:
        """Check what waits for clients. Call it each second."""
        self.gateway.sweep()
        self.limits.flooders.sweep()
        self.limits.unacknowledged.sweep()
        self.limits.whole_pages.sweep()
        self.limits.websocket_memory.sweep()
        self.limits.refusals.log_counts()


def use_log_of_site() -> None:
    """Let Granian's warnings go where those of the site go.

    Granian's own function configures the whole of logging, which closes all handlers of the project.
    """
    logger = logging.getLogger("_granian")
    logger.setLevel(logging.WARNING)
    logger.disabled = False  # Django's configuration disables the loggers that it finds


def raise_file_limit() -> int:
    """Raise the limit of open files as far as the administrator allows, up to MAX_OPEN_FILES, and return it.

    Shells and systemd start programs with a limit of 1,024.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def tls_context(pair: CertificatePair | None) -> tuple[Any, ...]:
    """Return what Granian's build_ssl_context() returns, but with TLS 1.2 allowed, which older clients still use."""
    files = (str(pair.certificate), str(pair.key)) if pair else (None, None)
    return (pair is not None, *files, None, str(SSLProtocols.tls12), None, [], False)
