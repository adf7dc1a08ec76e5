"""Beside ``manage.py runserver`` a worker, so that tasks run while a project is developed, with its newest code.

It is a process of its own, started by the process of runserver that serves, which the autoreloader replaces when a
file changes. The kernel ends it with that one, however that goes.
"""

import os
import sys

from django.conf import settings

from djbundle.tasks import backends
from djbundle.tasks.options import option

GRACE = "1"  # seconds for running tasks after a reload; they are run again by the new worker
SWITCH = "DJBUNDLE_RUNSERVER_WORKER"  # environment variable; 0: no worker


def start_worker_beside() -> None:
    """Where this process is the serving one of ``runserver``."""
    if is_wanted():
        command = worker_command()
        no_input = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        os.posix_spawn(command[0], command, os.environ, file_actions=[no_input])


def is_wanted() -> bool:
    """Only for development: with DEBUG, a database backend in TASKS, and not turned off."""
    return (
        sys.platform == "linux"  # the worker needs /proc
        and sys.argv[1:2] == ["runserver"]
        and (os.environ.get("RUN_MAIN") == "true" or "--noreload" in sys.argv)
        and settings.DEBUG
        and os.environ.get(SWITCH, "1") != "0"
        and _is_configured()
    )


def _is_configured() -> bool:
    from djbundle.tasks.backend import DatabaseBackend  # noqa: PLC0415 - @task comes here before apps are loaded

    used = any(isinstance(backend, DatabaseBackend) for backend in backends.usable())
    return used and bool(option("RUNSERVER", True))


def worker_command() -> list[str]:
    """This Python and this manage.py, with another command."""
    from django.core.management.base import CommandParser  # noqa: PLC0415 - this module is loaded at each start
    from django.utils.autoreload import get_child_arguments  # noqa: PLC0415 - as above

    prefix = [str(argument) for argument in get_child_arguments()][: -len(sys.argv[1:])]
    parser = CommandParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--pythonpath")
    given, _ = parser.parse_known_args(sys.argv[2:])
    extra = ["--pythonpath", given.pythonpath] if given.pythonpath else []
    return [*prefix, "worker", "--with-parent", str(os.getpid()), "--grace", GRACE, *extra]
