"""Granian, from its Python API, on a socket of ours and with an application that is loaded before the fork."""

import multiprocessing
import os
import socket
from typing import Any

from granian._granian import SocketHolder
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from djbundle.manifest import Interface
from djbundle.runtime import process
from djbundle.runtime.listener import BACKLOG
from djbundle.runtime.options import ServeOptions

RESPAWN_PAUSE = 0.1  # seconds between a fresh worker and the end of the one that it replaces


class Server(MPServer):
    """One parent, N workers that never outlive it."""

    def __init__(self, application: Any, interface: Interface, options: ServeOptions, listener: socket.socket) -> None:
        wsgi = interface == "wsgi"
        super().__init__(
            target="",
            address=options.host,
            port=options.port,
            interface=Interfaces.WSGI if wsgi else Interfaces.ASGI,
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
        self._listener = listener
        self._application = application

    def serve_forever(self) -> None:
        self._parent = os.getpid()
        multiprocessing.set_start_method("fork", force=True)
        self.serve(target_loader=self._enter_worker, wrap_loader=False)

    def _init_shared_socket(self) -> None:
        # Granian's own would set SO_REUSEPORT, and a second instance would silently take half of the traffic.
        self._ssp = self._sso = None
        descriptor = self._listener.fileno()
        self._sfd, self._shd = descriptor, SocketHolder(descriptor, False, BACKLOG)  # type: ignore[assignment,call-arg]

    def _enter_worker(self) -> Any:
        """Runs in each worker after the fork; the application it is to serve."""
        process.die_with(self._parent)
        return self._application
