"""The web process: loads Django once, brings the database up to date, then forks the workers that answer requests."""

import json
import os
import socket
from typing import Any

from djbundle.errors import DjbundleError
from djbundle.runtime import memory
from djbundle.runtime.bundle import Bundle
from djbundle.runtime.options import ServeOptions
from djbundle.runtime.settings import apply_overlay


def serve_web(bundle: Bundle, options: ServeOptions, listeners: list[socket.socket], ready: int) -> int:
    """Run until SIGTERM; writes one JSON line to the descriptor `ready` when requests are about to be answered."""
    from djbundle.runtime.entry import print_error  # noqa: PLC0415 - entry imports us

    try:
        application = load_application(bundle, options)
    except DjbundleError as error:
        print_error(error)
        return error.exit_code
    from django.apps import apps  # noqa: PLC0415 - only after the overlay

    from djbundle.runtime.server import Server  # noqa: PLC0415

    memory.start_collecting()
    message = json.dumps({"worker": apps.is_installed("djbundle.tasks")}).encode()
    server = Server(application, bundle.manifest.interface, options, listeners)
    server.on_startup(lambda: os.write(ready, message))
    server.serve_forever()
    return 0


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
