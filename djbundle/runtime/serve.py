"""``./shop serve``: take the data directory and the port, then keep a web process and a task worker running.

This process stays small: it loads neither Django nor SQLite. The web process (web.py) prepares the database and says
when it is ready; then the worker is started.
"""

import json
import os
import sys
from pathlib import Path

from djbundle.runtime import process
from djbundle.runtime.bundle import Bundle
from djbundle.runtime.listener import listen, url_of
from djbundle.runtime.lock import lock_data_directory
from djbundle.runtime.options import ServeOptions, parse_serve_options
from djbundle.runtime.paths import create_data_directory
from djbundle.runtime.supervisor import Child, Supervisor

WORKER_NICENESS = 5  # pages go first


def serve(bundle: Bundle, arguments: list[str]) -> int:
    """Serve until told to stop; the exit code."""
    options = parse_serve_options(Path(bundle.program).name, arguments)
    process.set_name(bundle.manifest.name)
    process.guard_forks()
    create_data_directory(bundle.data)
    lock_data_directory(bundle.data)
    listeners = listen(options.host, options.port, options.workers)
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def run_web() -> int:
        process.set_name(f"{bundle.manifest.name} web")
        from djbundle.runtime.web import serve_web  # noqa: PLC0415 - Django is loaded in this child only

        return serve_web(bundle, options, listeners, writer)

    with Supervisor(Child("web", run_web), grace=options.grace, report=log) as supervisor:

        def welcome() -> None:
            ready = json.loads(os.read(reader, 4096))
            if supervisor.proven:
                return
            supervisor.proven = True
            if ready["worker"] and options.run_worker:
                supervisor.start(Child("worker", lambda: run_worker(bundle, options)))
            announce(bundle, url_of(listeners[0]))

        supervisor.watch(reader, welcome)
        return supervisor.run()


def run_worker(bundle: Bundle, options: ServeOptions) -> int:
    """The process that runs background tasks."""
    from djbundle.runtime.commands import run_command  # noqa: PLC0415 - Django is loaded in this child only

    process.set_name(f"{bundle.manifest.name} worker")
    os.nice(WORKER_NICENESS)
    run_command(bundle, ["worker", "--grace", str(options.grace)])
    return 0


def announce(bundle: Bundle, url: str) -> None:
    manifest = bundle.manifest
    print(f"{manifest.name} {manifest.version} serves {url} with data in {bundle.data} (Ctrl-C stops)", flush=True)


def log(message: str) -> None:
    print(f"serve: {message}", file=sys.stderr, flush=True)
