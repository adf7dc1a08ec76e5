"""The process that loads the site: brings the database up to date, then forks those that work.

All of them share what has been loaded. This process itself answers no request and runs no task: it supervises.
"""

import os
import socket
from typing import Any

from djbundle.errors import DjbundleError
from djbundle.runtime import memory
from djbundle.runtime.bundle import Bundle
from djbundle.runtime.options import ServeOptions
from djbundle.runtime.settings import apply_overlay
from djbundle.runtime.supervisor import Child, Supervisor

WORKER_NICENESS = 5  # pages go first


def run_app(bundle: Bundle, options: ServeOptions, listeners: list[socket.socket], ready: int) -> int:
    """Run until SIGTERM; writes a byte to the descriptor `ready` when requests are about to be answered."""
    from djbundle.runtime.entry import print_error  # noqa: PLC0415 - entry imports us

    try:
        application = load_application(bundle, options)
    except DjbundleError as error:
        print_error(error)
        return error.exit_code
    children = list_children(bundle, options, listeners, application)
    memory.start_collecting()
    memory.release_archive()
    with Supervisor(children, grace=options.grace, proven=True) as supervisor:
        os.write(ready, b"1")
        return supervisor.run()


def load_application(bundle: Bundle, options: ServeOptions) -> Any:
    """The project's WSGI or ASGI application behind its static files, with the database ready for it."""
    apply_overlay(bundle, "serve")
    import django  # noqa: PLC0415 - only after the overlay
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415
    from django.urls import get_resolver  # noqa: PLC0415
    from django.utils.module_loading import import_string  # noqa: PLC0415

    from djbundle.runtime.files import serve_files  # noqa: PLC0415
    from djbundle.runtime.prepare import prepare_databases  # noqa: PLC0415

    django.setup()
    prepare_databases(bundle, migrate=options.migrate)
    dotted = bundle.manifest.application
    application = import_string(dotted) if dotted else get_wsgi_application()
    get_resolver()._populate()
    return serve_files(application, bundle)


def list_children(
    bundle: Bundle, options: ServeOptions, listeners: list[socket.socket], application: Any
) -> list[Child]:
    """A web worker for each socket, and the task worker where the project has tasks."""
    from django.apps import apps  # noqa: PLC0415 - the site is loaded by now

    from djbundle.runtime.web import serve_web  # noqa: PLC0415

    def web(listener: socket.socket) -> Child:
        interface = bundle.manifest.interface
        return Child("web", f"{bundle.manifest.name} web", lambda: serve_web(application, interface, options, listener))

    children = [web(listener) for listener in listeners]
    if options.run_worker and apps.is_installed("djbundle.tasks"):
        children.append(Child("worker", f"{bundle.manifest.name} worker", lambda: run_worker(options)))
    return children


def run_worker(options: ServeOptions) -> int:
    """Run background tasks until SIGTERM."""
    from django.core.management import call_command  # noqa: PLC0415 - the site is loaded by now

    os.nice(WORKER_NICENESS)
    call_command("worker", grace=options.grace)
    return 0
