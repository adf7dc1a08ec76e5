"""Loads the site, and brings its databases up to date: in the app process, or in each process by itself."""

import contextlib
import datetime
import os
import threading
import traceback
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from djbundle.common.child import ChildDiedError, run_in_child
from djbundle.contract.handover import HandoverState
from djbundle.errors import DjbundleError, MigrationError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover.fresh_start import PreparedSite
from djbundle.runtime.logs import lines
from djbundle.runtime.net.trusted_proxies import TrustedProxies
from djbundle.runtime.options.http import HttpOptions
from djbundle.runtime.options.roles import Role
from djbundle.runtime.options.serve import ServeOptions
from djbundle.runtime.process.heartbeat import AncestorMonitor
from djbundle.runtime.process.progress_pipe import ProgressPipe
from djbundle.runtime.process.shutdown import ShutdownNotice
from djbundle.runtime.serve import data_change
from djbundle.runtime.serve.data_change import DataChange
from djbundle.runtime.serve.project_lines import is_of_project
from djbundle.runtime.settings.rules import apply_overlay

if TYPE_CHECKING:
    from djbundle.runtime.database.migrations import AppliedMigrations
    from djbundle.runtime.files.static_files import LoadedSite  # needs Django
    from djbundle.runtime.http.gates.rate_table import RateTable

TAKEOVER_FIX = "correct the migration, and upgrade again; the previous version serves, with its data"
ALLOCATOR_OPTIONS = "_RJEM_MALLOC_CONF"  # read by tikv-jemallocator, which is in Granian


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


def load_django(bundle: Bundle) -> None:
    """Apply the overlay, and set Django up. A process that answers no requests needs no more."""
    apply_overlay(bundle, "serve")
    import django  # noqa: PLC0415 - only after the overlay

    django.setup()
    from djbundle.runtime.database.connection_lookup import look_up_once  # noqa: PLC0415 - needs Django

    look_up_once()
    from djbundle.runtime.logs.error_mail import survive_error_mail  # noqa: PLC0415 - as above

    survive_error_mail()
    keep_errors_of(bundle)


def keep_errors_of(bundle: Bundle) -> None:
    """Keep errors of requests and tasks. Call it again after each django.setup(), which removes log handlers."""
    from djbundle.runtime.logs.error_keeper import keep_errors  # noqa: PLC0415 - after Django has set up logging

    keep_errors(bundle.data, bundle.manifest.version, is_of_project())


def load_site(
    bundle: Bundle,
    options: ServeOptions,
    watch: AncestorMonitor,
    notice: ShutdownNotice,
    rates: "RateTable | None",
) -> "LoadedSite":
    """Return the project's WSGI or ASGI application behind its static files. `rates` is shared by all processes."""
    load_django(bundle)
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415
    from django.urls import get_resolver  # noqa: PLC0415
    from django.utils.module_loading import import_string  # noqa: PLC0415

    from djbundle.runtime.files.static_files import serve_files  # noqa: PLC0415
    from djbundle.runtime.http import health, host_redirects, maintenance, misdirected  # noqa: PLC0415
    from djbundle.runtime.serve.backup_health import SiteHealth  # noqa: PLC0415

    dotted = bundle.manifest.application
    application = import_string(dotted) if dotted else get_wsgi_application()
    get_resolver()._populate()
    misdirected.answer_misdirected()
    keep_errors_of(bundle)  # the application has called django.setup() too
    interface, http = bundle.manifest.interface, options.http
    application = limit_rate(application, interface, http, rates)
    application = maintenance.wrap(application, bundle.manifest.interface, maintenance.MaintenanceGate(bundle.data))
    site, path = serve_files(application, bundle, media=options.media), options.http.health_path
    site = site._replace(watch=watch)
    if http.basic_auth:
        site = site._replace(application=require_password(site.application, interface, http))
    if options.http.redirect:
        redirects = host_redirects.HostRedirects(dict(options.http.redirect))
        site = site._replace(application=host_redirects.wrap(site.application, bundle.manifest.interface, redirects))
    if not health.is_unused_path(path):
        return site
    healthy = SiteHealth(path, bundle.data, has_worker=Role.WORKER in options.roles, sources=(watch, notice))
    return site._replace(application=health.wrap(site.application, bundle.manifest.interface, healthy))


def limit_rate(application: Any, interface: str, options: HttpOptions, rates: "RateTable | None") -> Any:
    """Return the application behind ``--rate-limit``, if there is any."""
    if rates is None:
        return application
    from djbundle.runtime.http.gates import gate, rate_limit  # noqa: PLC0415 - most sites have none

    exempt = TrustedProxies(options.trusted_proxies.networks + options.rate_limit_exempt.networks)
    limit = rate_limit.RateLimit(options.rate_limit, rates, lru_cache(maxsize=1024)(exempt.trusts))
    return gate.wrap(application, interface, limit)


def require_password(application: Any, interface: str, options: HttpOptions) -> Any:
    """Return the application, with its files, behind ``--basic-auth``."""
    from djbundle.runtime.http.gates import basic_auth, gate  # noqa: PLC0415 - most sites have none

    return gate.wrap(application, interface, basic_auth.BasicAuth(options.basic_auth))


def prepare_site(
    bundle: Bundle, options: ServeOptions, progress: ProgressPipe, change: DataChange | None, *, is_child: bool = False
) -> bool:
    """Bring the databases up to date. In a takeover, also check that the site answers before it serves.

    `is_child` tells that nothing is forked from this process. Return False when the takeover is cancelled. A cancelled
    or failed takeover puts the databases back as they were.
    """
    if not change:
        return bring_up_to_date(bundle, options, progress, None, is_child=is_child)
    if not finish_change(bundle, change, progress):
        return False
    is_done = False
    try:
        is_done = bring_up_to_date(bundle, options, progress, change, is_child=is_child)
    finally:
        if not is_done:
            change.undo()
    return is_done


def bring_up_to_date(
    bundle: Bundle, options: ServeOptions, progress: ProgressPipe, change: DataChange | None, *, is_child: bool
) -> bool:
    """Migrate the databases. In a takeover, also check that the site answers, and make `change` permanent."""
    from djbundle.runtime.database.first_superuser import make_first_superuser  # noqa: PLC0415 - needs Django
    from djbundle.runtime.database.history import warn_of_newer_schema  # noqa: PLC0415
    from djbundle.runtime.database.migrations import apply_all, find_all_pending, undo_all  # noqa: PLC0415
    from djbundle.runtime.database.server_migrations import migrate_servers  # noqa: PLC0415
    from djbundle.runtime.database.shared_migration import apply_beside  # noqa: PLC0415
    from djbundle.runtime.settings.shared_services import ask_shared_services  # noqa: PLC0415

    ask_shared_services(bundle)
    if options.migrate:
        migrate_servers(bundle, allow_breaking=options.allow_breaking_migrations)
    pending = find_all_pending(migrate=options.migrate)
    names = [name for each in pending for name in each.migrations]
    if pending and progress.is_takeover:
        progress.report(HandoverState.PENDING, migrations=names)
        if not progress.wait_for_order():
            return False
    try:
        applied = apply_beside(bundle, pending) if progress.is_beside else apply_all(bundle, pending)
    except MigrationError as error:
        raise (MigrationError(error.cause, TAKEOVER_FIX) if progress.is_takeover else error) from error
    warn_of_newer_schema(bundle.data, bundle.manifest.version, bundle.manifest.build.date)
    if not progress.is_takeover:
        record_migrations(bundle, names, applied)
        make_first_superuser()
        return True
    try:
        if is_confirmed(options, progress, is_child=is_child):
            if change:
                change.commit()
            record_migrations(bundle, names, applied)
            await_worker()
            return True
    except DjbundleError:
        undo_all(applied)
        raise
    undo_all(applied)
    return False


def record_migrations(bundle: Bundle, names: list[str], applied: "list[AppliedMigrations]") -> None:
    """Record what this version has applied, for a later rollback. The site serves without the record, too."""
    from djbundle.runtime.database.schema_record import SchemaStep, record_step  # noqa: PLC0415 - few starts migrate

    if not names:
        return
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    backups = {str(each.database): str(each.backup) for each in applied if each.backup}
    try:
        record_step(bundle.data, SchemaStep(bundle.manifest.version, now, names, backups))
    except OSError as error:
        lines.log(f"the migrations cannot be recorded for a rollback: {error}", "warning")


def is_confirmed(options: ServeOptions, progress: ProgressPipe, *, is_child: bool) -> bool:
    """Report that the site answers, and return whether it should serve. Raise UnhealthyError if it does not answer."""
    from djbundle.runtime.handover.front_page_probe import probe_site  # noqa: PLC0415 - needs Django

    if Role.WEB in options.roles:
        probe_site(is_child=is_child)
    progress.report(HandoverState.READY)
    return progress.wait_for_order()


def finish_change(bundle: Bundle, change: DataChange, progress: ProgressPipe) -> bool:
    """Change the data when no process writes. Return False when the takeover is cancelled."""
    change.prepare(bundle)  # before requests have to wait
    progress.report(HandoverState.PENDING, migrations=[])
    if not progress.wait_for_order():
        return False
    change.finish()
    return True


def prepare_in_child(
    bundle: Bundle, options: ServeOptions, progress: ProgressPipe, watch: AncestorMonitor, notice: ShutdownNotice
) -> PreparedSite | int:
    """Load and prepare the site in a forked process. Return its facts, or an exit code."""

    def work() -> str:
        try:
            change = data_change.begin(bundle.data, is_takeover=progress.is_takeover)
            load_site(bundle, options, watch, notice, None)
            if prepare_site(bundle, options, progress, change, is_child=True):
                return describe_prepared_site().to_json()
        except DjbundleError as error:
            os._exit(report_failure(error, progress))
        except Exception:
            lines.write("error", "serve", "the site cannot be loaded", trace=traceback.format_exc())
        os._exit(1)

    try:
        return PreparedSite.from_json(run_in_child(work))
    except ChildDiedError as death:
        return death.code if death.code > 0 else 128 - death.code


def await_worker() -> None:
    """Give the worker time to start, so that the first health check does not report it as missing."""
    from djbundle.runtime.http import readiness  # noqa: PLC0415 - needs Django

    readiness.await_worker()


def describe_prepared_site() -> PreparedSite:
    """Return the facts of the site for processes that have not loaded it. Close what no other process may inherit."""
    from django.apps import apps  # noqa: PLC0415 - needs the site

    from djbundle.common.database_connections import close_connections  # noqa: PLC0415

    close_connections()
    has_tasks = apps.is_installed("djbundle.tasks")
    if not has_tasks:
        return PreparedSite(has_tasks=False, has_relay=False)
    from djbundle.tasks import options as options_of_tasks  # noqa: PLC0415 - where the project has tasks

    return PreparedSite(has_tasks=True, has_relay=options_of_tasks.has_relay())


def report_failure(error: DjbundleError, progress: ProgressPipe) -> int:
    """Report an error to the log, and to the process that waits for a takeover; return the exit code."""
    from djbundle.runtime.cli.main import print_error  # noqa: PLC0415 - entry imports us

    print_error(error)
    progress.report_failure(error)
    return error.exit_code
