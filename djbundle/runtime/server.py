"""Granian, from its Python API, on a socket of ours and with an application that is loaded before the fork."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from granian import _signals
from granian._granian import SocketHolder, WorkerSignal
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from djbundle.manifest import Interface
from djbundle.runtime import process
from djbundle.runtime.listener import BACKLOG
from djbundle.runtime.options import ServeOptions

REPEAT_STOP = 0.5  # seconds
RESPAWN_PAUSE = 0.1  # seconds between a fresh worker and the end of the one that it replaces


class Server(MPServer):
    """One parent, N workers that never outlive it."""

    def __init__(
        self, application: Any, interface: Interface, options: ServeOptions, listeners: list[socket.socket]
    ) -> None:
        wsgi = interface == "wsgi"
        super().__init__(
            target="",
            address=options.host,
            port=options.port,
            interface=Interfaces.WSGI if wsgi else Interfaces.ASGINL,  # Django has no lifespan events
            workers=options.workers,
            blocking_threads=options.blocking_threads if wsgi else 1,
            backlog=BACKLOG,
            websockets=not wsgi,
            log_level=LogLevels.warning,
            log_access=options.access_log,
            respawn_failed_workers=True,
            respawn_interval=RESPAWN_PAUSE,
            workers_kill_timeout=options.grace,
        )
        self._listeners = listeners
        self._application = application

    def serve_forever(self) -> None:
        self._parent = os.getpid()
        multiprocessing.set_start_method("fork", force=True)
        self.serve(target_loader=self._enter_worker, wrap_loader=False)

    def _init_shared_socket(self) -> None:
        # Granian's own would share the port with a second instance, which would silently take half of the traffic.
        self._ssp = self._sso = None

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:  # type: ignore[override]
        self._shd = SocketHolder(self._listeners[idx].fileno(), False, BACKLOG)  # type: ignore[assignment,call-arg]
        return super()._spawn_worker(idx, target, callback_loader)

    def _stop_workers(self) -> None:
        workers = [worker.inner for worker in self.wrks]
        threading.Thread(target=_repeat_stop, args=[workers], daemon=True).start()
        super()._stop_workers()  # type: ignore[no-untyped-call]

    def _enter_worker(self) -> Any:
        """Runs in each worker after the fork; the application it is to serve."""
        process.die_with(self._parent)
        _signals.set_sync_signals, _signals.set_loop_signals = set_sync_signals, set_loop_signals
        return self._application


def _repeat_stop(workers: list[BaseProcess]) -> None:
    """Say SIGTERM again until all have ended: a Granian worker that is just beginning to serve may miss the first."""
    while workers:
        time.sleep(REPEAT_STOP)
        workers = [worker for worker in workers if not wait([worker.sentinel], 0)]
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid or 0, signal.SIGTERM)


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
