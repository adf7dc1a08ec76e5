"""``manage.py worker``."""

import logging
import signal
from argparse import SUPPRESS, ArgumentParser
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from djbundle.common.broker_url import BrokerUrl
from djbundle.common.processes import die_with_parent
from djbundle.tasks import backends
from djbundle.tasks import options as options_of_tasks
from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.checks import check_engine
from djbundle.tasks.engine.destination import MakeDestination
from djbundle.tasks.management.numbers import count, limit, pause, seconds
from djbundle.tasks.management.queue_names import check_queues
from djbundle.tasks.store.transitions import Queues
from djbundle.tasks.worker.inbox import MakeInbox
from djbundle.tasks.worker.loop import POLL_INTERVAL, Worker
from djbundle.tasks.worker.recycling import RecycleLimits

DEFAULT_THREADS = 4  # several, so that a long job does not delay mails


class Command(BaseCommand):
    help = "Runs background tasks until stopped by SIGTERM or Ctrl-C; running tasks are finished first."

    stealth_options = ("notify_watchdog", "program")  # passed to Worker by Python code that calls this command

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--queues", default="", metavar="Q,...", help="Only tasks of these queues; default: all.")
        add("--processes", type=count, default=1, help="Processes that run tasks; default: %(default)s.")
        add("--threads", type=count, default=DEFAULT_THREADS, help="Tasks at once in each; default: %(default)s.")
        add("--poll", type=pause, default=POLL_INTERVAL, help="Seconds between looks for tasks; default: %(default)s.")
        add("--grace", type=seconds, default=30, help="Seconds for running tasks when stopped; default: %(default)s.")
        add("--max-tasks", type=limit, default=0, metavar="N", help="Replace a process after so many tasks.")
        add("--max-memory", type=limit, default=0, metavar="MB", help="Replace a process that holds more memory.")
        add("--with-parent", type=int, metavar="PID", help=SUPPRESS)  # the process that started it; stop when that ends
        add(
            "--no-scheduler",
            dest="has_schedules",
            action="store_false",
            help="Leave the ticks of schedules to another worker, or to the command scheduler.",
        )
        add(
            "--until-idle",
            type=seconds,
            nargs="?",
            const=0.0,
            metavar="SECONDS",
            help="Stop with exit code 0 when no task has been due for so long; default: at once.",
        )
        add(
            "--burst",
            "--drain",
            dest="until_idle",
            action="store_const",
            const=0.0,
            help="Stop with exit code 0 when no task is due.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        show_log(options["verbosity"])
        if options["with_parent"]:
            die_with_parent(options["with_parent"], signal.SIGTERM)
        queues = queues_of(options["queues"])
        announce(f"runs tasks of {f'the queues {", ".join(queues)}' if queues else 'all queues'}", options)
        Worker(
            threads=options["threads"],
            processes=options["processes"],
            queues=queues,
            grace=options["grace"],
            until_idle=options["until_idle"],
            has_schedules=options["has_schedules"],
            poll=options["poll"],
            limits=RecycleLimits(options["max_tasks"], options["max_memory"]),
            notify_watchdog=options.get("notify_watchdog") or (lambda: None),
            make_inbox=inbox_of_settings(),
            program=options.get("program"),
        ).run()


def queues_of(text: str) -> Queues:
    """Return the queues that ``--queues`` names. Raise CommandError for a queue that no backend has."""
    queues = tuple(name.strip() for name in text.split(",") if name.strip())
    check_queues(queues, "--queues")
    return queues


def broker_of_settings() -> BrokerUrl | None:
    """Return the broker that carries the tasks, if there is one.

    Raise CommandError if its URL is wrong, or a package that it needs is missing.
    """
    try:
        if broker := options_of_tasks.broker():
            broker.check_installed()
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None
    return broker


def destination_of_settings() -> MakeDestination | None:
    """Return what makes that to which a relay sends, if there is one. Raise CommandError as above."""
    if broker := broker_of_settings():
        from djbundle.tasks.engine.broker import Broker  # noqa: PLC0415 - only with a broker

        return partial(Broker, broker)
    alias = options_of_tasks.engine()
    if not alias:
        return None
    ours = [backend for backend in backends.usable() if isinstance(backend, DatabaseBackend)]
    if messages := check_engine(alias, {queue for backend in ours for queue in backend.queues}):
        raise CommandError(" ".join(str(message.msg) for message in messages))
    from djbundle.tasks.engine.adapter import BackendEngine  # noqa: PLC0415 - only with another backend

    return partial(BackendEngine, alias)


def inbox_of_settings() -> MakeInbox | None:
    """Return what makes the worker's inbox, if not the worker itself looks for tasks. Raise CommandError as above."""
    broker = broker_of_settings()
    if broker is None:
        make_destination = destination_of_settings()
        if make_destination is None:
            return None
        from djbundle.tasks.engine.relay_only import RelayOnly  # noqa: PLC0415 - only with another backend

        return partial(RelayOnly, make_destination)
    from djbundle.tasks.engine.inbox import BrokerInbox  # noqa: PLC0415 - only with a broker

    return partial(BrokerInbox, broker)


def announce(text: str, options: dict[str, Any]) -> None:
    """Log what this process does, if a person has started it: a command that waits says nothing else."""
    if not (options.get("with_parent") or options.get("notify_watchdog") or options.get("until_idle") is not None):
        logging.getLogger("djbundle.tasks").info("%s (Ctrl-C stops)", text)


def show_log(verbosity: int) -> None:
    """Print the log of the worker, unless the project configures this logger itself."""
    logger = logging.getLogger("djbundle.tasks")
    if not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())
        logger.handlers[0].setFormatter(logging.Formatter("worker: %(message)s"))
        logger.setLevel(logging.INFO if verbosity else logging.ERROR)
