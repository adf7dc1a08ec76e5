"""``./shop serve``: take the data directory and the port, then keep the site running.

This process stays small: it loads neither Django nor SQLite. Its one child, the app process (app_process.py), loads the
site, forks the workers, and reports when it is ready. When a new version takes over (handover/coordinator.py), this
process becomes that version.
"""

import contextlib
import functools
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from djbundle.common.processes import set_process_name, use_line_buffering
from djbundle.runtime.cli.doctor.machine import trouble_at_start
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.data_directory import create_data_directory
from djbundle.runtime.core.virtual_root import remove_old_copies
from djbundle.runtime.handover.inherited_state import Handover
from djbundle.runtime.logs import lines
from djbundle.runtime.net.sockets import Listeners, remove_files
from djbundle.runtime.options.serve import ServeOptions, parse_serve_options
from djbundle.runtime.process import forking, memory, sd_notify
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.process.lock import lock_data_directory, try_lock
from djbundle.runtime.process.privileges import (
    Account,
    acting_as,
    become,
    check_content,
    check_path,
    find_account,
    owner_of,
    prepare_data_directory,
)
from djbundle.runtime.process.progress_pipe import ProgressPipe
from djbundle.runtime.process.supervisor import Supervisor
from djbundle.runtime.serve.control_handler import ControlHandler
from djbundle.runtime.serve.listeners import open_listeners
from djbundle.runtime.serve.site_info import SiteInfo
from djbundle.runtime.serve.tls_process import prepare_tls
from djbundle.runtime.tls.pair import CertificatePair

GRACE_MARGIN = 2  # seconds that the app process has to stop its children after their grace


def serve(bundle: Bundle, arguments: list[str]) -> int:
    """Serve until a stop signal arrives; return the exit code."""
    options = parse_serve_options(bundle.program, arguments)
    lines.configure(options.log_format, options.log_level)
    use_line_buffering()
    set_process_name(bundle.manifest.name)
    forking.reset_signals_in_children()
    handover = Handover.from_environment()
    if handover:
        handover.close_on_exec()
        if handover.status is not None:
            return run_candidate(bundle, options, handover, ProgressPipe(handover.status, handover.go))
    else:
        handover = open_handover(bundle, options)
    return supervise(bundle, options, handover)


def open_handover(bundle: Bundle, options: ServeOptions) -> Handover:
    """Take the lock and open the sockets; return both in the form in which a handover passes them on."""
    account = account_for(bundle.data, options)
    check_path(bundle.data, account)
    with acting_as(account) if account else contextlib.nullcontext():
        create_data_directory(bundle.data)
        if account:
            check_content(bundle.data, account)
        lock = lock_data_directory(bundle.data)
        remove_old_copies(bundle.data)
    for trouble in trouble_at_start(bundle.data):
        lines.log(trouble, "warning")
    listeners = open_listeners(options)
    if account:
        become(account, bundle.data)
    return Handover.of(listeners, lock)


def account_for(data: Path, options: ServeOptions) -> Account | None:
    """Return the account that root becomes: that of ``--user``, else the owner of the data; None to change nothing."""
    account = find_account(options.user) if options.user else None
    if account:
        prepare_data_directory(data, account)
    elif os.geteuid() == 0:
        account = owner_of(data)
    return account if account and account.uid else None


def run_candidate(bundle: Bundle, options: ServeOptions, handover: Handover, progress: ProgressPipe) -> int:
    """Load the site beside the app process that serves, and take over from it. A fresh start begins here too."""
    forking.reset_signals()
    forking.unblock_stop_signals()
    set_process_name(forking.title(bundle.manifest.name, "app"))
    heartbeat = Heartbeat.of_app(options.worker_timeout, handover.heart)
    pair = prepare_tls(bundle.data, options.tls)
    return load_and_run(bundle, options, handover.open_listeners(), pair, progress, heartbeat)


def load_and_run(
    bundle: Bundle,
    options: ServeOptions,
    listeners: Listeners,
    pair: CertificatePair | None,
    progress: ProgressPipe,
    heartbeat: Heartbeat,
) -> int:
    from djbundle.runtime.serve.app_process import AppProcess  # noqa: PLC0415 - Django is loaded in this process only

    return AppProcess(bundle, options, listeners, pair, progress, heartbeat).run()


def supervise(bundle: Bundle, options: ServeOptions, handover: Handover) -> int:
    """Start the site, or go on with the app process that was handed over."""
    pair = prepare_tls(bundle.data, options.tls)
    listeners = handover.open_listeners()
    reader, writer = os.pipe2(os.O_CLOEXEC)
    title = forking.title(bundle.manifest.name, "app")
    progress = ProgressPipe(writer, is_beside=handover.lock is not None and not try_lock(handover.lock))
    heartbeat = Heartbeat.of_app(options.worker_timeout, handover.heart)
    run = functools.partial(load_and_run, bundle, options, listeners, pair, progress, heartbeat)
    app = Child("app", title, run, pid=handover.app or 0, started=time.monotonic(), heartbeat=heartbeat)
    memory.share_loaded_objects()
    grace = options.shutdown_delay + options.grace + GRACE_MARGIN
    with Supervisor([app], grace=grace, is_proven=handover.app is not None) as supervisor:
        site_info = SiteInfo.of(bundle, options, listeners, pair)
        control_handler = ControlHandler(
            site_info, supervisor, app, replace(handover, app=None, leaving=None, leaving_too=[], heart=None)
        )

        def on_report() -> None:
            os.read(reader, 4096)
            if not supervisor.is_proven:
                supervisor.is_proven = True
                control_handler.announce()
                memory.release_archive()

        supervisor.add_reader(reader, on_report)
        if handover.app:
            control_handler.announce()
            memory.release_archive()
        if handover.leaving:
            control_handler.stop_draining_app(handover.leaving)
        for pid in handover.leaving_too:
            control_handler.supervise_draining_app(pid)
        for number in (signal.SIGTERM, signal.SIGINT):
            supervisor.add_signal_handler(number, functools.partial(stop, supervisor, number, options.grace))
        supervisor.on_stop = sd_notify.stopping
        code = supervisor.run()
    remove_files(options.binds)
    return code


def stop(supervisor: Supervisor, number: signal.Signals, grace: int) -> None:
    lines.log(f"stopping: {number.name}, draining for up to {grace} s")
    supervisor.stop(0)
