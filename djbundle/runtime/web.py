"""One web worker: Granian, from its Python API, on a socket of ours and with an application that is loaded already."""

import asyncio
import multiprocessing
import signal
import socket
from collections.abc import Callable
from typing import Any

from granian import _signals
from granian._granian import SocketHolder, WorkerSignal
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from djbundle.manifest import Interface
from djbundle.runtime.listener import BACKLOG
from djbundle.runtime.options import ServeOptions


def serve_web(application: Any, interface: Interface, options: ServeOptions, listener: socket.socket) -> int:
    """Answer requests until SIGTERM; then finish those that have begun."""
    multiprocessing.set_start_method("fork", force=True)
    _signals.set_sync_signals, _signals.set_loop_signals = set_sync_signals, set_loop_signals
    Server(interface, options, listener).serve(target_loader=lambda: application, wrap_loader=False)
    return 0


class Server(MPServer):
    """Granian's server without its processes: the work of a worker is done in this one, under our own supervisor."""

    def __init__(self, interface: Interface, options: ServeOptions, listener: socket.socket) -> None:
        wsgi = interface == "wsgi"
        super().__init__(
            target="",
            address=options.host,
            port=options.port,
            interface=Interfaces.WSGI if wsgi else Interfaces.ASGINL,  # Django has no lifespan events
            blocking_threads=options.blocking_threads if wsgi else 1,
            backlog=BACKLOG,
            websockets=not wsgi,
            log_level=LogLevels.warning,
            log_access=options.access_log,
        )
        self._sso = None
        self._shd = SocketHolder(listener.fileno(), False, BACKLOG)  # type: ignore[assignment,call-arg]

    def _serve(self, spawn_target: Any, target_loader: Any) -> None:
        self._spawn_worker(0, spawn_target, target_loader).inner.run()


def set_sync_signals() -> WorkerSignal:
    """In place of granian._signals': safe for a signal that comes again while requests finish."""
    event, handle = _stop_once()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return event


def set_loop_signals(loop: asyncio.AbstractEventLoop) -> WorkerSignal:
    """The same for ASGI."""
    event, handle = _stop_once()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, handle)
    return event


def _stop_once() -> tuple[WorkerSignal, Callable[..., None]]:
    """An event for Granian, and a handler that sets it the first time that it is called."""
    event = WorkerSignal()
    waiting = [event]

    def handle(*_: object) -> None:
        if waiting:
            waiting.pop().set()

    return event, handle
