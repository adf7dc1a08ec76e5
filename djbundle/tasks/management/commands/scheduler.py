"""``manage.py scheduler``: enqueues the ticks of schedules, and runs no task."""

import signal
import threading
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from djbundle.common.periodic import Periodic
from djbundle.tasks import options as options_of_tasks
from djbundle.tasks.management.commands.worker import announce, show_log
from djbundle.tasks.store import releases
from djbundle.tasks.worker.database_backoff import DatabaseBackoff
from djbundle.tasks.worker.scheduler import CHECK_INTERVAL, Scheduler


class Command(BaseCommand):
    help = (
        "Enqueues the ticks of schedules until stopped by SIGTERM or Ctrl-C. Runs no task: workers with --no-scheduler "
        "do. Any number of them may run at once: the database gives each tick to one."
    )

    stealth_options = ("notify_watchdog",)  # called in each turn, by Python code that calls this command

    def handle(self, *_args: Any, **options: Any) -> None:
        show_log(options["verbosity"])
        announce("enqueues the ticks of schedules", options)
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        enqueue_until(stopped, options.get("notify_watchdog") or (lambda: None))


def enqueue_until(stopped: threading.Event, notify_watchdog: Callable[[], None]) -> None:
    """Enqueue ticks until `stopped` is set. While the database does not answer, wait and lose none."""
    scheduler, backoff = Scheduler(), DatabaseBackoff()
    # Only the newest version of the code declares schedules, so this process must be seen as a worker is.
    heartbeat = Periodic(options_of_tasks.lease().total_seconds() / 3, releases.record_seen)

    def turn() -> None:
        heartbeat.run()
        scheduler.enqueue_due()

    while not stopped.is_set():
        notify_watchdog()
        backoff.run(turn)
        stopped.wait(max(backoff.left, min(scheduler.seconds_left(), CHECK_INTERVAL)))
