"""The children of the app process: web workers, the task worker, and the processes for TLS and metrics."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.management import call_command

from djbundle.common.endings import disable_inherited_finalizers, end_python
from djbundle.common.thread_connections import close_with_threads
from djbundle.errors import OptionError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.files.static_cache import StaticCache
from djbundle.runtime.files.static_files import LoadedSite
from djbundle.runtime.handover.fresh_start import PreparedSite
from djbundle.runtime.http.asgi.middleware import AsgiMiddleware
from djbundle.runtime.http.lifespan import Lifespan
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.response_heads import ResponseHeads
from djbundle.runtime.http.server import Server, WebOptions
from djbundle.runtime.metrics.server import serve_metrics
from djbundle.runtime.net.sockets import Listeners
from djbundle.runtime.options.roles import Role, names_of
from djbundle.runtime.options.serve import WORKER_NICENESS, ServeOptions
from djbundle.runtime.process import forking, memory
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.counters import Scoreboard, Slot
from djbundle.runtime.process.heartbeat import AncestorMonitor, Heartbeat
from djbundle.runtime.process.in_flight import InFlight
from djbundle.runtime.process.loading import Loading
from djbundle.runtime.serve.tls_process import tls_children
from djbundle.runtime.serve.web_process import Endpoint, serve_web
from djbundle.runtime.tls.pair import CertificatePair

if TYPE_CHECKING:
    from djbundle.tasks.worker.process.fresh import NewProgram

# Times the heartbeat limit of a web worker: the task worker's loop may wait for its database longer than any request.
WORKER_TIMEOUT_FACTOR = 5
OTHER_SLOTS = 5  # slots of the scoreboard for children other than web workers


class SiteSource(NamedTuple):
    """The source of a child's site. `watch` watches the processes above the children."""

    prepared: PreparedSite
    loading: Loading
    watch: AncestorMonitor
    load: Callable[[], LoadedSite]  # in the child, unless the app process has loaded the site
    load_django: Callable[[], None]  # for a child that answers no requests

    @property
    def is_shared(self) -> bool:
        """True if the app process has loaded the site."""
        return self.loading == Loading.ONCE


class ChildFactory:
    """Builds the children of the app process. `pair` is the TLS certificate."""

    def __init__(
        self,
        bundle: Bundle,
        options: ServeOptions,
        listeners: Listeners,
        pair: CertificatePair | None,
        source: SiteSource,
    ) -> None:
        self._bundle, self._options, self._listeners = bundle, options, listeners
        self._pair, self._source = pair, source
        self._scoreboard = Scoreboard.create(options.workers + OTHER_SLOTS, source.loading)
        self._slots: Iterator[Slot] = iter(self._scoreboard)

    def children(self) -> list[Child]:
        """Return the children for the roles: web workers, the task worker, the scheduler, the relay, TLS and metrics.

        Raises OptionError if none of the roles has anything to do.
        """
        children: list[Child] = []
        if Role.WEB in self._options.roles:
            children += [self._web(number) for number in range(self._options.workers)]
            children += tls_children(self._bundle, self._options.tls, self._listeners, self._options.worker_timeout)
        if self._source.prepared.has_tasks:
            children += self._of_tasks()
        if not children:
            raise OptionError(
                f"the project has no tasks for --roles {names_of(self._options.roles)}",
                'add "djbundle.tasks" to INSTALLED_APPS, or choose the role web',
            )
        if self._listeners.metrics:
            heartbeat = self._heartbeat(self._options.worker_timeout)
            run = partial(serve_metrics, self._bundle, self._scoreboard, self._listeners.metrics, heartbeat)
            children.append(Child("metrics", self._title("metrics"), self._with_django(run), heartbeat=heartbeat))
        for child in children:
            child.slot = child.slot or next(self._slots)
        return children

    def _web(self, number: int) -> Child:
        heartbeat, slot = self._heartbeat(self._options.worker_timeout), next(self._slots)
        heartbeat.monitor = self._source.watch
        in_flight = InFlight()
        observer = Observer(slot, self._options.access_log, in_flight)
        prepare = partial(self._server, observer)
        make_server = prepare() if self._source.is_shared else None
        endpoints = [self._endpoint(listener) for listener in self._listeners.for_worker(number)]

        def run() -> int:
            if make_server:
                disable_inherited_finalizers()
            close_with_threads()
            try:
                return serve_web((make_server or prepare())(), endpoints, heartbeat)
            finally:
                end_python()

        return Child("web", self._title("web"), run, heartbeat=heartbeat, in_flight=in_flight, slot=slot)

    def _server(self, observer: Observer) -> Callable[[], Server]:
        """Load the site. Return the function that makes the server in the process that answers requests."""
        site, interface, added = self._source.load(), self._bundle.manifest.interface, additions(self._options)
        limits = Limits(self._options.http, observer)
        heads = ResponseHeads(added, observer)
        application = site.application if interface == "wsgi" else wrap_asgi(site.application, added, observer, limits)
        # A file from memory would pass by --basic-auth.
        from_memory = None if self._options.http.basic_auth else StaticCache(site.files, heads).answer
        web_options = WebOptions(
            interface=interface,
            blocking_threads=self._options.blocking_threads,
            http=self._options.http,
            spool=settings.FILE_UPLOAD_TEMP_DIR,
        )
        lifespan = Lifespan(site.project, self._options.http.lifespan) if interface == "asgi" else None
        return partial(Server, application, web_options, limits, from_memory, lifespan, heads)

    def _heartbeat(self, limit: float, report_after: float = 0) -> Heartbeat:
        """Return the heartbeat of a process. The time to load the site has no limit."""
        return Heartbeat(limit, may_start_slowly=not self._source.is_shared, report_after=report_after)

    def _with_django(self, run: Callable[[], int]) -> Callable[[], int]:
        """Return `run` with Django set up before it, unless the app process has done that."""

        def load_and_run() -> int:
            self._source.load_django()
            return run()

        return load_and_run

    def _of_tasks(self) -> Iterator[Child]:
        """Yield the task worker, which is scheduler and relay too; if it has no such role, these two instead.

        Requests and ticks enqueue tasks, so each host has a relay if a broker carries them.
        """
        roles = self._options.roles
        if Role.WORKER in roles:
            has_schedules = Role.SCHEDULER in roles
            run = partial(run_worker, self._options.grace, self._task_program, has_schedules=has_schedules)
            yield self._task_child("worker", run)
            return
        if Role.SCHEDULER in roles:
            yield self._task_child("scheduler", partial(run_command, "scheduler"))
        if self._source.prepared.has_relay:
            yield self._task_child("relay", partial(run_command, "relay"))

    def _task_program(self) -> "NewProgram | None":
        """Return the program of the processes that run tasks; None if they are forks of the worker.

        Call it in the worker.
        """
        if self._source.is_shared:
            return None
        from djbundle.runtime.serve.task_process import program_if_needed  # noqa: PLC0415 - where the project has tasks

        return program_if_needed(self._options, self._title("worker"))

    def _task_child(self, role: str, run: Callable[[Heartbeat], int]) -> Child:
        timeout = self._options.worker_timeout
        heartbeat = self._heartbeat(WORKER_TIMEOUT_FACTOR * timeout, report_after=timeout)
        run_it = self._with_django(partial(run, heartbeat))
        return Child(role, self._title(role), run_it, heartbeat=heartbeat, drain_signal=signal.SIGTERM)

    def _endpoint(self, listener: socket.socket) -> Endpoint:
        """Return the endpoint of a socket. A Unix socket gets no certificate: its proxy terminates TLS."""
        return Endpoint(listener, None if listener.family == socket.AF_UNIX else self._pair)

    def _title(self, role: str) -> str:
        return forking.title(self._bundle.manifest.name, role)


def wrap_asgi(application: Any, added: AddedHeaders, observer: Observer, limits: Limits) -> Any:
    """Wrap an ASGI application in the middleware that every site gets."""
    from djbundle.runtime.http.django_handler import bound_memory  # noqa: PLC0415 - a WSGI site has no need of it

    bound_memory()
    return AsgiMiddleware(application, added, observer, limits)


def additions(options: ServeOptions) -> AddedHeaders:
    http, tls = options.http, options.tls
    return AddedHeaders(
        hsts=tls.hsts if tls else None,
        server_timing=http.server_timing,
    )


def run_worker(
    grace: int, find_program: Callable[[], "NewProgram | None"], heartbeat: Heartbeat, *, has_schedules: bool
) -> int:
    """Run background tasks until SIGTERM."""
    os.nice(WORKER_NICENESS)
    beat, program = beat_and_trim(heartbeat), find_program()
    call_command("worker", grace=grace, has_schedules=has_schedules, notify_watchdog=beat, program=program)
    return 0


def run_command(name: str, heartbeat: Heartbeat) -> int:
    """Run the management command scheduler or relay until SIGTERM."""
    call_command(name, notify_watchdog=beat_and_trim(heartbeat))
    return 0


def beat_and_trim(heartbeat: Heartbeat) -> Callable[[], None]:
    trim = memory.trimmer()

    def beat() -> None:
        heartbeat.beat()
        trim()

    return beat
