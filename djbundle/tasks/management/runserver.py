"""Starts a worker beside ``manage.py runserver``, so that tasks run during development, with the newest code.

The worker is a process of its own, started by the serving process of runserver, which the autoreloader replaces when a
file changes. The kernel ends the worker with the serving process, however that ends.
"""

import os
import sys

from django.conf import settings

from djbundle.tasks import backends
from djbundle.tasks.options import option

GRACE_SECONDS = "1"  # seconds for running tasks after a reload; the new worker runs them again
VARIABLE = "DJBUNDLE_RUNSERVER_WORKER"  # 0: no worker beside runserver


def start_worker_beside() -> None:
    """Start a worker if this is the serving process of ``runserver``."""
    if must_start_worker():
        command = worker_command()
        no_input = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        os.posix_spawn(command[0], command, os.environ, file_actions=[no_input])


def must_start_worker() -> bool:
    """Return whether to start a worker.

    That is so in development with DEBUG and a database backend in TASKS, unless it is turned off.
    """
    return (
        sys.platform == "linux"  # the worker needs /proc
        and sys.argv[1:2] == ["runserver"]
        and (os.environ.get("RUN_MAIN") == "true" or "--noreload" in sys.argv)
        and settings.DEBUG
        and os.environ.get(VARIABLE, "1") != "0"
        and _is_configured()
    )


def _is_configured() -> bool:
    from djbundle.tasks.backend import DatabaseBackend  # noqa: PLC0415 - @task comes here before apps are loaded

    used = any(isinstance(backend, DatabaseBackend) for backend in backends.usable())
    return used and bool(option("RUNSERVER", True))


def worker_command() -> list[str]:
    """Return the command line: this Python and this manage.py, with another command."""
    from django.core.management.base import CommandParser  # noqa: PLC0415 - this module is loaded at each start
    from django.utils.autoreload import get_child_arguments  # noqa: PLC0415 - as above

    prefix = [str(argument) for argument in get_child_arguments()][: -len(sys.argv[1:])]
    parser = CommandParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--pythonpath")
    options, _ = parser.parse_known_args(sys.argv[2:])
    extra = ["--pythonpath", options.pythonpath] if options.pythonpath else []
    return [*prefix, "worker", "--with-parent", str(os.getpid()), "--grace", GRACE_SECONDS, *extra]
