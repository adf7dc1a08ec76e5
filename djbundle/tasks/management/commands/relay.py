"""``manage.py relay``: sends new tasks to the broker, and runs none."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from djbundle.tasks.management.commands.worker import announce, destination_of_settings, show_log


class Command(BaseCommand):
    help = (
        "Sends tasks to the broker of TASKS until stopped by SIGTERM or Ctrl-C. Runs no task. Each worker does this "
        "too; this is for machines without one. Any number of them may run at once."
    )

    stealth_options = ("notify_watchdog",)  # called every second, by Python code that calls this command

    def handle(self, *_args: Any, **options: Any) -> None:
        show_log(options["verbosity"])
        make_destination = destination_of_settings()
        if make_destination is None:
            raise CommandError('TASKS names no broker: set "URL" in its OPTIONS, or in a bundle TASKS_URL.')
        announce("sends new tasks to the broker", options)
        from djbundle.tasks.engine.relay_service import keep_relay_running  # noqa: PLC0415 - only with a broker

        keep_relay_running(make_destination, options.get("notify_watchdog") or (lambda: None))
