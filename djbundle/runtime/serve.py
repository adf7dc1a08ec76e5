"""``./shop serve``: take the data directory and the port, then keep the site running.

This process stays small: it loads neither Django nor SQLite. Its one child loads the site and forks those that work
(app.py), and says when it is ready.
"""

import os
from pathlib import Path

from djbundle.runtime import memory, process
from djbundle.runtime.bundle import Bundle
from djbundle.runtime.listener import listen, url_of
from djbundle.runtime.lock import lock_data_directory
from djbundle.runtime.options import parse_serve_options
from djbundle.runtime.paths import create_data_directory
from djbundle.runtime.supervisor import Child, Supervisor

MARGIN = 2  # seconds that the site's process has to stop its children after their grace


def serve(bundle: Bundle, arguments: list[str]) -> int:
    """Serve until told to stop; the exit code."""
    options = parse_serve_options(Path(bundle.program).name, arguments)
    name = bundle.manifest.name
    process.set_name(name)
    process.guard_forks()
    create_data_directory(bundle.data)
    lock_data_directory(bundle.data)
    listeners = listen(options.host, options.port, options.workers)
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def run_app() -> int:
        from djbundle.runtime import app  # noqa: PLC0415 - Django is loaded in this child only

        return app.run_app(bundle, options, listeners, writer)

    with Supervisor([Child("app", f"{name} app", run_app)], grace=options.grace + MARGIN, proven=False) as supervisor:

        def welcome() -> None:
            os.read(reader, 1)
            if not supervisor.proven:
                supervisor.proven = True
                announce(bundle, url_of(listeners[0]))
                memory.release_archive()

        supervisor.watch(reader, welcome)
        return supervisor.run()


def announce(bundle: Bundle, url: str) -> None:
    manifest = bundle.manifest
    print(f"{manifest.name} {manifest.version} serves {url} with data in {bundle.data} (Ctrl-C stops)", flush=True)
