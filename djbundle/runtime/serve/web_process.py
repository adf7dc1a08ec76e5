"""One web worker: serves the site on its endpoints until SIGTERM.

A TLS endpoint starts to serve once there is a certificate. When the certificate changes, a second server starts with
the new one on the same socket, and the first one drains: no connection is refused or lost.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djbundle.common.processes import end_copies_of_pool_threads
from djbundle.errors import CertificateError, LifespanError
from djbundle.runtime.http.lifespan import running
from djbundle.runtime.http.limits.idle_reaper import IdleReaper
from djbundle.runtime.http.server import GranianWorker, Server
from djbundle.runtime.logs.lines import log
from djbundle.runtime.process import forking, memory
from djbundle.runtime.process.heartbeat import BEAT_INTERVAL, Heartbeat
from djbundle.runtime.tls.last_pair import LastPair
from djbundle.runtime.tls.pair import CertificatePair, FilesVersion

CHECK_INTERVAL = 1.0  # seconds between checks of the certificate's files, and between sweeps for stalled connections
HANDSHAKE_TIMEOUT = 10.0  # seconds that Granian gives a client for its TLS handshake


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A listening socket, and the certificate with which it speaks TLS."""

    listener: socket.socket
    pair: CertificatePair | None = None


def serve_web(server: Server, endpoints: Sequence[Endpoint], heartbeat: Heartbeat | None = None) -> int:
    """Answer requests until SIGTERM, then finish the ones in progress."""
    end_copies_of_pool_threads()
    web = WebWorker(server)
    web.spawn(run_each_beat(memory.trimmer()))
    if heartbeat:
        web.spawn(run_each_beat(heartbeat.beat))
    try:
        web.server.loop.run_until_complete(web.run(endpoints))
    except LifespanError as error:
        log(f"{error.cause}; fix: {error.fix}", "error")
        return error.exit_code
    return 0


def port_of(listener: socket.socket) -> int:
    """Return the port of a socket; 0 for a Unix socket."""
    return 0 if listener.family == socket.AF_UNIX else int(listener.getsockname()[1])


async def run_each_beat(action: Callable[[], None]) -> None:
    while True:
        action()
        await asyncio.sleep(BEAT_INTERVAL)


class WebWorker:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.running: list[GranianWorker] = []
        self.is_draining = False
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self, endpoints: Sequence[Endpoint]) -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            self.server.loop.add_signal_handler(number, stopped.set)
        self.server.loop.add_signal_handler(forking.DRAIN, self.drain)
        async with running(self.server.lifespan):
            await self.serve(endpoints, stopped)

    async def serve(self, endpoints: Sequence[Endpoint], stopped: asyncio.Event) -> None:
        for endpoint in endpoints:
            if endpoint.pair:
                self.spawn(self.watch_certificate(endpoint, endpoint.pair))
            else:
                self.start(endpoint)
        if forking.early_drain_signals():
            self.drain()
        self.spawn(self.sweep())
        self.spawn(self.sweep_connections({port_of(endpoint.listener) for endpoint in endpoints}))
        await stopped.wait()
        for task in self.tasks:
            task.cancel()
        for each in self.running:
            await each.close_websockets()
            each.signal.set()
        await asyncio.gather(*(each.stopped.wait() for each in self.running))

    def drain(self) -> None:
        """Drain: other processes answer on the same sockets, and this one will stop."""
        self.is_draining = True
        for each in self.running:
            each.drain()

    def start(self, endpoint: Endpoint) -> GranianWorker:
        running = self.server.start(endpoint.listener, endpoint.pair)
        self.running.append(running)
        return running

    async def watch_certificate(self, endpoint: Endpoint, pair: CertificatePair) -> None:
        """Start a server with each new certificate, and retire the one before. A draining worker starts none."""
        checked_version: FilesVersion | None = None
        current: GranianWorker | None = None
        while not self.is_draining:
            version = pair.version()
            if version not in (checked_version, None):
                checked_version = version
                try:
                    pair.check()
                except CertificateError as error:
                    current = current or self.start_with_last(endpoint, pair.last)
                    then = "the previous certificate stays in use" if current else "waiting for another"
                    log(f"{error.cause}; {then}", "error", source="tls")
                else:
                    before, current = current, self.start(endpoint)
                    if before:
                        self.spawn(self.retire(before))
            await asyncio.sleep(CHECK_INTERVAL)

    def start_with_last(self, endpoint: Endpoint, last: LastPair | None) -> GranianWorker | None:
        """Start a server with the certificate that was usable last; None if there was none."""
        copy = last.copy() if last else None
        if copy is None:
            return None
        file = Path(f"/proc/self/fd/{copy}")  # it stays open: Granian reads it when it starts to serve
        return self.start(Endpoint(endpoint.listener, CertificatePair(file, file)))

    async def retire(self, running: GranianWorker) -> None:
        """Drain a server, and stop it once each client has had time for its handshake and its request."""
        running.drain()
        await asyncio.sleep(HANDSHAKE_TIMEOUT + self.server.options.http.head_seconds)
        running.signal.set()
        await running.stopped.wait()
        self.running.remove(running)

    async def sweep(self) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            run_and_log_failure(self.server.sweep)

    async def sweep_connections(self, ports: Collection[int]) -> None:
        server, http = self.server, self.server.options.http
        idle_reaper = IdleReaper(
            ports,
            server.max_connections,
            http.head_seconds,
            http.send_timeout,
            server.request_tracker,
            server.limits,
        )
        while True:
            await asyncio.sleep(max(CHECK_INTERVAL, http.head_seconds / 3))
            run_and_log_failure(idle_reaper.sweep)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a background task, and report it if it fails."""
        loop = self.server.loop

        def on_done(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                loop.call_exception_handler({"message": "a task of the web worker failed", "exception": error})

        task = loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(on_done)


def run_and_log_failure(sweep: Callable[[], None]) -> None:
    """Sweep, and log a failure, usually a lack of file descriptors. The next sweep tries again."""
    try:
        sweep()
    except Exception as error:
        log(f"cannot check connections: {error!r}", "error")
