"""The app process: loads the site, brings the databases up to date, then forks the workers.

The workers share the memory of what is loaded. The app process answers no request and runs no task: it supervises. If a
fork would end threads of the site, each process loads the site by itself, and the app process does not.
"""

import contextvars
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from djbundle.common.threads import ThreadStarts, describe, find_lost_threads
from djbundle.contract.handover import HandoverState
from djbundle.errors import DjbundleError
from djbundle.runtime.backup.schedule import BackupSchedule
from djbundle.runtime.backup.start_check import check_policy
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.hold import ADVICE, Hold
from djbundle.runtime.handover.fresh_start import FreshStart, Launch, PreparedSite
from djbundle.runtime.http.gates.rate_table import RateTable
from djbundle.runtime.logs.lines import log
from djbundle.runtime.net.sockets import Listeners
from djbundle.runtime.options.preload import Preload
from djbundle.runtime.options.roles import Role
from djbundle.runtime.options.serve import ServeOptions
from djbundle.runtime.process import forking, memory
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.heartbeat import AncestorMonitor, Heartbeat
from djbundle.runtime.process.loading import Loading
from djbundle.runtime.process.progress_pipe import ProgressPipe
from djbundle.runtime.process.shutdown import ShutdownNotice
from djbundle.runtime.process.supervisor import Supervisor
from djbundle.runtime.serve import data_change, site_loading
from djbundle.runtime.serve.project_lines import is_of_project
from djbundle.runtime.tls.pair import CertificatePair

if TYPE_CHECKING:
    from djbundle.runtime.files.static_files import LoadedSite
    from djbundle.runtime.serve.children import SiteSource  # needs Django

OF_TASKS = ("worker", "scheduler")  # the children that need no socket
FIRST_BEATS_INTERVAL = 0.1  # seconds between checks whether all web processes have loaded the site


class AppProcess:
    """The app process of a `serve`. `pair` is its TLS certificate.

    `progress` reports when requests are about to be answered.
    """

    def __init__(
        self,
        bundle: Bundle,
        options: ServeOptions,
        listeners: Listeners,
        pair: CertificatePair | None,
        progress: ProgressPipe,
        heartbeat: Heartbeat,
    ) -> None:
        self._hold = Hold.read(bundle.data)
        self._options = without_tasks(options) if self._hold else options
        self._bundle, self._listeners, self._pair = bundle, listeners, pair
        self._progress, self._heartbeat = progress, heartbeat
        self._fresh_start = FreshStart.take_from_environment()
        self._launch = Launch.of_this_process()
        self._notice, self._watch = ShutdownNotice(), AncestorMonitor(heartbeat)
        self._rates = RateTable() if options.http.rate_limit else None

    def run(self) -> int:
        """Load the site, or have each process load it, and supervise them until SIGTERM; return the exit code."""
        memory.configure_malloc()
        is_shared = self._fresh_start is None and self._options.preload != Preload.NEVER
        try:
            if self._hold and not self._options.roles:
                raise self._hold.refusal(self._bundle.data)
            check_policy(self._options.backup_policy)
            source = self._load() if is_shared else self._load_in_each_process()
            if isinstance(source, int):
                return source
            if self._hold:
                log(f"this is {self._hold.describe()}; {ADVICE}", "warning")
                source = source._replace(prepared=replace(source.prepared, has_tasks=False, has_relay=False))
            from djbundle.runtime.serve.children import ChildFactory  # noqa: PLC0415 - Granian, and Django

            children = ChildFactory(self._bundle, self._options, self._listeners, self._pair, source).children()
        except DjbundleError as error:
            return site_loading.report_failure(error, self._progress)
        memory.share_loaded_objects()
        memory.start_garbage_collection()
        memory.release_archive()
        return self._supervise(children, is_shared=is_shared)

    # --- loading ---

    def _load(self) -> "SiteSource | int":
        """Load and prepare the site in this process. Return an exit code if a takeover is cancelled."""
        change = data_change.begin(self._bundle.data, is_takeover=self._progress.is_takeover)
        with ThreadStarts(is_of_project()) as starts, site_loading.server_loaded_beside(self._bundle.root):
            site = site_loading.load_site(self._bundle, self._options, self._watch, self._notice, self._rates)
        if self._progress.is_takeover:  # the front page, which is requested next, may need the threads
            self._check_threads(starts, None)
        prepare = site_loading.prepare_site
        with starts:  # in a copy of the context, so that the site's threads do not get what migrations leave in it
            if not contextvars.copy_context().run(prepare, self._bundle, self._options, self._progress, change):
                return 1
        prepared = site_loading.describe_prepared_site()
        self._check_threads(starts, prepared)
        from djbundle.runtime.serve.children import SiteSource  # noqa: PLC0415 - needs the site

        return SiteSource(prepared, Loading.ONCE, self._watch, lambda: site, lambda: None)

    def _check_threads(self, starts: ThreadStarts, prepared: PreparedSite | None) -> None:
        """Start this process afresh if a fork would end threads of the site, so that each process loads the site.

        With ``--preload always`` only log a warning.
        """
        lost = find_lost_threads(starts)
        if not lost:
            return
        cause = f"the site started {describe(lost)} while it was loaded"
        if self._options.preload == Preload.ALWAYS:
            if prepared:
                log(f"{cause}. Forked processes do not have these threads (--preload always)", "warning")
            return
        log(f"{cause}. So each process loads the site, which takes more memory (--preload auto)", "warning")
        try:
            self._launch.start_afresh(FreshStart(prepared), self._listeners, self._progress, self._heartbeat)
        except OSError as error:
            forking.unblock_stop_signals()
            log(f"cannot start afresh: {error.strerror}. Forked processes do not have these threads", "error")

    def _load_in_each_process(self) -> "SiteSource | int":
        """Let each process load the site. First prepare it, unless that is done. Return an exit code on failure."""
        with site_loading.server_loaded_beside(self._bundle.root):
            pass  # wait for its thread: a fork while it loads the library would hang
        prepared = (self._fresh_start and self._fresh_start.prepared) or site_loading.prepare_in_child(
            self._bundle, self._options, self._progress, self._watch, self._notice
        )
        if isinstance(prepared, int):
            return prepared
        from djbundle.runtime.serve.children import SiteSource  # noqa: PLC0415 - Django, which is not set up here

        loading = Loading.EACH_FOR_THREADS if self._fresh_start else Loading.EACH
        return SiteSource(prepared, loading, self._watch, self._load_in_child, self._load_django_in_child)

    def _load_in_child(self) -> "LoadedSite":
        with memory.loading():
            if self._progress.is_takeover:
                site_loading.await_worker()
            return site_loading.load_site(self._bundle, self._options, self._watch, self._notice, self._rates)

    def _load_django_in_child(self) -> None:
        with memory.loading():
            site_loading.load_django(self._bundle)

    # --- supervising ---

    def _supervise(self, children: list[Child], *, is_shared: bool) -> int:
        """Supervise the children. If each loads the site, the takeover waits until all web processes have done so."""
        heartbeat, grace = self._heartbeat, self._options.grace
        with Supervisor(children, grace=grace, is_proven=is_shared, heartbeat=heartbeat) as supervisor:
            supervisor.add_signal_handler(forking.DRAIN, lambda: drain(children))
            if self._options.shutdown_delay:
                delay_stop(supervisor, children, self._notice, self._options.shutdown_delay)
            load = (lambda: None) if is_shared else self._load_django_in_child
            BackupSchedule(supervisor, self._bundle, self._options.backup_policy, load)
            heartbeat.beat()  # from now on the supervisor expects heartbeats
            if is_shared:
                self._progress.report(HandoverState.SERVING)
            else:
                self._report_when_loaded(supervisor)
            return supervisor.run()

    def _report_when_loaded(self, supervisor: Supervisor) -> None:
        """Report that the site serves once all web processes serve; without web processes, once all others run."""
        awaited = [child for child in supervisor.children if child.name == "web"] or supervisor.children
        if all(child.has_begun for child in awaited):
            supervisor.is_proven = True
            self._progress.report(HandoverState.SERVING)
        else:
            supervisor.call_at(time.monotonic() + FIRST_BEATS_INTERVAL, lambda: self._report_when_loaded(supervisor))


def without_tasks(options: ServeOptions) -> ServeOptions:
    """Return the options of a held copy, whose worker and scheduler do not run."""
    return replace(options, roles=options.roles & {Role.WEB})


def drain(children: list[Child]) -> None:
    """Drain all children: another process of the site serves too, and this one is about to be stopped."""
    for child in children:
        child.drain()


def delay_stop(supervisor: Supervisor, children: list[Child], notice: ShutdownNotice, seconds: int) -> None:
    """On a stop signal, fail the health check and stop tasks first, and close the sockets `seconds` later.

    A draining app process stops at once, because another process answers on the same sockets.
    """

    def on_stop() -> None:
        if notice.is_given or any(not child.may_restart for child in children):
            supervisor.stop(0)
            return
        notice.give(seconds)
        drain([child for child in children if child.name in OF_TASKS])
        supervisor.call_at(time.monotonic() + seconds, lambda: supervisor.stop(0))

    for number in (signal.SIGTERM, signal.SIGINT):
        supervisor.add_signal_handler(number, on_stop)
