"""The app process: loads the site, brings the databases up to date, then forks the workers.

The workers share the memory of what is loaded. The app process answers no request and runs no task: it supervises.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from djbundle.contract.handover import HandoverState
from djbundle.errors import DjbundleError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.move import facts, switching
from djbundle.runtime.move.switching import Switch
from djbundle.runtime.net.sockets import Listeners
from djbundle.runtime.options.roles import Role
from djbundle.runtime.options.serve import ServeOptions
from djbundle.runtime.process import forking, memory
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.heartbeat import AncestorMonitor, Heartbeat
from djbundle.runtime.process.progress_pipe import ProgressPipe
from djbundle.runtime.process.shutdown import ShutdownNotice
from djbundle.runtime.process.supervisor import Supervisor
from djbundle.runtime.serve.loaded_threads import report_threads
from djbundle.runtime.settings.rules import apply_overlay
from djbundle.runtime.tls.pair import CertificatePair

if TYPE_CHECKING:
    from djbundle.runtime.files.static_files import LoadedSite  # needs Django

OF_TASKS = ("worker", "scheduler")  # the children that need no socket
ALLOCATOR_OPTIONS = "_RJEM_MALLOC_CONF"  # read by tikv-jemallocator, which is in Granian


def run_app(
    bundle: Bundle,
    options: ServeOptions,
    listeners: Listeners,
    pair: CertificatePair | None,
    progress: ProgressPipe,
    heartbeat: Heartbeat,
) -> int:
    """Load the site and supervise its workers until SIGTERM; return the exit code.

    `progress` reports when requests are about to be answered.
    """
    from djbundle.runtime.cli.main import print_error  # noqa: PLC0415 - entry imports us

    memory.limit_arenas()
    notice = ShutdownNotice()
    try:
        switch = switching.begin(bundle.data) if progress.is_takeover else None
        with server_loaded_beside(bundle.root):
            site = load_site(bundle, options, AncestorMonitor(heartbeat), notice)
            if not prepare_site(bundle, options, progress, switch):
                return 1
        from djbundle.runtime.serve.children import ChildFactory  # noqa: PLC0415 - needs the site

        children = ChildFactory(bundle, options, listeners, pair, site).children()
    except DjbundleError as error:
        print_error(error)
        progress.report_failure(error)
        return error.exit_code
    report_threads()
    memory.share_loaded_objects()
    memory.start_garbage_collection()
    memory.release_archive()
    with Supervisor(children, grace=options.grace, is_proven=True, heartbeat=heartbeat) as supervisor:
        supervisor.add_signal_handler(forking.DRAIN, lambda: drain(children))
        if options.shutdown_delay:
            delay_stop(supervisor, notice, options.shutdown_delay)
        heartbeat.beat()  # from now on the supervisor expects heartbeats
        progress.report(HandoverState.SERVING)
        return supervisor.run()


@contextlib.contextmanager
def server_loaded_beside(root: Path) -> Iterator[None]:
    """Load Granian's library in a thread while the block runs.

    Its 20 MB take a tenth of a start to unpack; the thread does that on another CPU. The library allocates with
    jemalloc, which returns freed memory when its arena is used again. With one arena for all threads that is soon.
    """
    has_options = ALLOCATOR_OPTIONS in os.environ
    os.environ.setdefault(ALLOCATOR_OPTIONS, "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0")
    server = threading.Thread(target=load_server, args=[root])
    server.start()
    try:
        yield
    finally:
        server.join()  # before anything forks
        if not has_options:  # programs that the site starts must not inherit them
            os.environ.pop(ALLOCATOR_OPTIONS, None)


def load_server(root: Path) -> None:
    with contextlib.suppress(ImportError, OSError, StopIteration):  # this only makes the start faster
        import ctypes  # noqa: PLC0415 - a start has no other need of it

        library = next((root / "granian").glob("_granian*.so"))
        ctypes.CDLL(None).dlopen(os.fsencode(library), os.RTLD_NOW)  # Python's own dlopen would block all threads


def drain(children: list[Child]) -> None:
    """Drain all children: another process of the site serves too, and this one is about to be stopped."""
    for child in children:
        child.drain()


def delay_stop(supervisor: Supervisor, notice: ShutdownNotice, seconds: int) -> None:
    """Let only the health check fail at first when asked to stop, and stop tasks. The sockets close `seconds` later.

    An app process that drains stops at once: another one answers on the same sockets.
    """

    def on_stop() -> None:
        if notice.is_given or any(not child.may_restart for child in supervisor.children):
            supervisor.stop(0)
            return
        notice.give(seconds)
        drain([child for child in supervisor.children if child.name in OF_TASKS])
        supervisor.call_at(time.monotonic() + seconds, lambda: supervisor.stop(0))

    for number in (signal.SIGTERM, signal.SIGINT):
        supervisor.add_signal_handler(number, on_stop)


def load_site(bundle: Bundle, options: ServeOptions, watch: AncestorMonitor, notice: ShutdownNotice) -> "LoadedSite":
    """Return the project's WSGI or ASGI application behind its static files."""
    apply_overlay(bundle, "serve")
    import django  # noqa: PLC0415 - only after the overlay
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415
    from django.urls import get_resolver  # noqa: PLC0415
    from django.utils.module_loading import import_string  # noqa: PLC0415

    from djbundle.runtime.files.static_files import serve_files  # noqa: PLC0415
    from djbundle.runtime.http import health  # noqa: PLC0415

    django.setup()
    dotted = bundle.manifest.application
    application = import_string(dotted) if dotted else get_wsgi_application()
    get_resolver()._populate()
    site, path = serve_files(application, bundle, media=options.media), options.http.health_path
    site = site._replace(watch=watch)
    if not health.is_unused_path(path):
        return site
    healthy = health.Health(path, has_worker=Role.WORKER in options.roles, sources=(watch, notice))
    return site._replace(application=health.wrap(site.application, bundle.manifest.interface, healthy))


def prepare_site(bundle: Bundle, options: ServeOptions, progress: ProgressPipe, switch: Switch | None) -> bool:
    """Bring the databases up to date. In a takeover, also check that the site answers before it serves.

    Return False when the takeover is cancelled. A cancelled or failed takeover puts the databases back as they were.
    """
    from djbundle.runtime.database.migrations import apply_all, find_all_pending, undo_all  # noqa: PLC0415 - needs Django
    from djbundle.runtime.database.server_migrations import migrate_servers  # noqa: PLC0415
    from djbundle.runtime.database.shared_migration import apply_beside  # noqa: PLC0415
    from djbundle.runtime.http.readiness import await_worker  # noqa: PLC0415
    from djbundle.runtime.settings.shared_services import ask_shared_services  # noqa: PLC0415

    if switch and not finish_switch(bundle, switch, progress):
        return False
    ask_shared_services(bundle)
    if options.migrate:
        migrate_servers(bundle, allow_breaking=options.allow_breaking_migrations)
    pending = find_all_pending(migrate=options.migrate)
    names = [name for each in pending for name in each.migrations]
    if pending and progress.is_takeover:
        progress.report(HandoverState.PENDING, migrations=names)
        if not progress.wait_for_order():
            return False
    applied = apply_beside(bundle, pending) if progress.is_beside else apply_all(bundle, pending)
    if not progress.is_takeover:
        return True
    try:
        if is_confirmed(options, progress):
            if switch:
                switch.commit()
            await_worker()
            return True
    except DjbundleError:
        if switch:
            switch.undo()
        undo_all(applied)
        raise
    undo_all(applied)
    return False


def is_confirmed(options: ServeOptions, progress: ProgressPipe) -> bool:
    """Report that the site answers, and return whether it should serve. Raise UnhealthyError if it does not answer."""
    from djbundle.runtime.handover.front_page_probe import probe_site  # noqa: PLC0415 - needs Django

    if Role.WEB in options.roles:
        probe_site()
    progress.report(HandoverState.READY)
    return progress.wait_for_order()


def finish_switch(bundle: Bundle, switch: Switch, progress: ProgressPipe) -> bool:
    """Bring the last changes to the other database when nobody writes. Return False when the takeover is cancelled."""
    server = facts.ask(bundle, switch.server_url)  # before anybody waits
    progress.report(HandoverState.PENDING, migrations=[])
    if not progress.wait_for_order():
        return False
    switch.finish(server)
    return True
