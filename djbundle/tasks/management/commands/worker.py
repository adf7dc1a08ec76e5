"""``manage.py worker``."""

import logging
import signal
from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from djbundle.tasks.child import die_with
from djbundle.tasks.recycling import Limits
from djbundle.tasks.worker import POLL, Worker

DEFAULT_THREADS = 4  # so that a long job does not keep mails waiting


class Command(BaseCommand):
    help = "Runs background tasks until stopped by SIGTERM or Ctrl-C; running tasks are finished first."

    stealth_options = ("beat",)  # of Worker, for who calls this command from Python

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--queues", default="", metavar="Q,...", help="Only tasks of these queues; default: all.")
        add("--processes", type=int, default=1, help="Processes that run tasks; default: %(default)s.")
        add("--threads", type=int, default=DEFAULT_THREADS, help="Tasks at once in each; default: %(default)s.")
        add("--poll", type=float, default=POLL, help="Seconds between looks for tasks; default: %(default)s.")
        add("--grace", type=float, default=30, help="Seconds for running tasks when stopped; default: %(default)s.")
        add("--max-tasks", type=int, default=0, metavar="N", help="Replace a process after so many tasks.")
        add("--max-memory", type=int, default=0, metavar="MB", help="Replace a process that holds more memory.")
        add("--with-parent", type=int, metavar="PID", help=SUPPRESS)  # stop when this one ends, which has started it
        add("--drain", action="store_true", help="Stop when no task is due.")

    def handle(self, *_args: Any, **options: Any) -> None:
        show_log(options["verbosity"])
        if options["with_parent"]:
            die_with(options["with_parent"], signal.SIGTERM)
        queues = tuple(name.strip() for name in options["queues"].split(",") if name.strip())
        Worker(
            threads=options["threads"],
            processes=options["processes"],
            queues=queues,
            grace=options["grace"],
            drain=options["drain"],
            poll=options["poll"],
            limits=Limits(options["max_tasks"], options["max_memory"]),
            beat=options.get("beat") or (lambda: None),
        ).run()


def show_log(verbosity: int) -> None:
    """Print what the worker says, unless the project configures this logger itself."""
    logger = logging.getLogger("djbundle.tasks")
    if not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())
        logger.handlers[0].setFormatter(logging.Formatter("worker: %(message)s"))
        logger.setLevel(logging.INFO if verbosity else logging.ERROR)
