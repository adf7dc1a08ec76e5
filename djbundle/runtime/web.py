"""One web worker: Granian, from its Python API, on a socket of ours and with an application that is loaded already."""

import asyncio
import multiprocessing
import signal
import socket
import threading
from typing import Any

from granian import _signals
from granian._granian import SocketHolder, WorkerSignal
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import mp

from djbundle.manifest import Interface
from djbundle.runtime.listener import BACKLOG
from djbundle.runtime.options import ServeOptions


def serve_web(application: Any, interface: Interface, options: ServeOptions, listener: socket.socket) -> int:
    """Answer requests until SIGTERM; then finish those that have begun."""
    multiprocessing.set_start_method("fork", force=True)
    _signals.set_sync_signals, _signals.set_loop_signals = set_sync_signals, set_loop_signals
    Server(interface, options, listener).serve(target_loader=lambda: application, wrap_loader=False)
    return 0


class Server(mp.MPServer):
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
    """In place of granian._signals': a stop is heard whenever it comes, and a second one changes nothing.

    A handler in Python runs in the main thread, which may just be about to wait for good; and an event that is set
    before Granian listens to it is lost. So a thread hears of the signal by the wake-up descriptor, and waits for that.
    """
    event, listening = WorkerSignal(), threading.Event()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    make_scheduler: Any = mp._new_cbscheduler  # type: ignore[attr-defined]  # made when all but the answering is ready

    def make_scheduler_and_listen(*arguments: Any, **options: Any) -> Any:
        listening.set()
        return make_scheduler(*arguments, **options)

    def stop(_writer: socket.socket) -> None:
        reader.recv(1)
        listening.wait()
        event.set()

    mp._new_cbscheduler = make_scheduler_and_listen  # type: ignore[attr-defined]
    threading.Thread(target=stop, args=[writer], daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    return event


def set_loop_signals(loop: asyncio.AbstractEventLoop) -> WorkerSignal:
    """The same for ASGI; asyncio's own handlers run in its loop."""
    event = WorkerSignal()
    waiting = [event]

    def stop() -> None:
        if waiting:
            waiting.pop().set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return event
