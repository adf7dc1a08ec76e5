"""``manage.py tasks``: shows what waits and what failed and why, and acts on it."""

import datetime
import json
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error

from djbundle.tasks import operations_api
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.management.numbers import days, limit
from djbundle.tasks.management.queue_names import check_queues
from djbundle.tasks.management.table import age, duration, table
from djbundle.tasks.models import Schedule, TaskRecord, WorkerRecord
from djbundle.tasks.store import transitions, worker_registry
from djbundle.tasks.worker import scheduler
from djbundle.tasks.worker.database_backoff import is_unmigrated

STATUSES = [status.value.lower() for status in TaskResultStatus]
COUNTS = ("ready", "scheduled", "running", "failed", "done")
TIMES = ("oldest", "wait", "took")
HIDDEN = ("worker", "lease_until", "epoch", "unique_key", "takes_context", "declared")


class Command(BaseCommand):
    help = "Lists background tasks, shows, retries and cancels them, pauses queues; lists and switches schedules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        add = actions.add_parser

        listing = add("list", help="the newest tasks")
        listing.add_argument("--status", choices=STATUSES)
        listing.add_argument("--limit", type=limit, default=20, help="default: %(default)s")
        show = add("show", help="one task, with the traceback of each attempt")
        show.add_argument("id", type=int)
        retry = add("retry", help="run failed tasks again: some, or all")
        discard = add("discard", help="delete tasks that do not run: some, or all")
        cancel = add("cancel", help="fail tasks that wait, and ask those that run to stop: some, or all")
        run = add("run", help="let tasks that wait for their time not wait: some, or all")
        for action in (retry, discard, cancel, run):
            action.add_argument("ids", type=int, nargs="*", metavar="ID")
            action.add_argument("--all", action="store_true")
        for action in (listing, retry, discard, cancel, run):
            action.add_argument("--queue")
            action.add_argument("--task", metavar="PATH", help="orders.tasks.send_confirmation, or the end of it")
        purge = add("purge", help="delete finished tasks")
        purge.add_argument("--days", type=days, default=0, help="only those that finished so long ago")
        for name, meaning in (("pause", "take no more tasks from a queue"), ("resume", "take them again")):
            add(name, help=meaning).add_argument("queue")
        stats = add("stats", help="counts and times of each queue")
        workers = add("workers", help="the workers that run, and the version of the code of each")
        schedules = add("schedules", help="what is enqueued again and again, and when")
        schedule = add("schedule", help="enqueue a schedule's task now, or enable or disable a schedule")
        schedule.add_argument("what", choices=("run", "enable", "disable"))
        schedule.add_argument("name")
        for action in (listing, show, stats, workers, schedules):
            action.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            getattr(self, f"do_{options['action']}")(options)
        except Error as error:
            if not is_unmigrated(error):
                raise
            raise CommandError("the database lacks migrations of djbundle.tasks; run migrate first") from error

    # --- commands that show ---

    def do_list(self, options: dict[str, Any]) -> None:
        queryset = self._filtered(options)
        if options["status"]:
            queryset = queryset.filter(status=options["status"].upper())
        records = list(queryset.order_by("-id")[: options["limit"]])
        if options["json"]:
            self._print_json([_fields_of(record) for record in records])
            return
        rows = [
            (
                str(record.pk),
                record.status,
                age(record.finished_at or record.last_attempted_at or record.run_after),
                record.queue_name,
                record.task_path,
            )
            for record in records
        ]
        self._print_table(("id", "status", "when", "queue", "task"), rows, "No such task.", ("id", "when"))

    def do_show(self, options: dict[str, Any]) -> None:
        record = transitions.records().filter(pk=options["id"]).first()
        if record is None:
            raise CommandError(f"There is no task {options['id']}.")
        values = _fields_of(record)
        if options["json"]:
            self._print_json(values)
            return
        errors = values.pop("errors")
        for name, value in values.items():
            if value not in (None, ""):
                self.stdout.write(f"{name.replace('_', ' '):18} {value}")
        for number, error in enumerate(errors, 1):
            self.stdout.write(f"\nattempt {number}\n{error['traceback'].rstrip()}")

    def do_stats(self, options: dict[str, Any]) -> None:
        stats = operations_api.stats()
        if options["json"]:
            self._print_json([asdict(each) for each in stats])
            return
        rows = [
            (
                f"{each.queue} (paused)" if each.paused else each.queue,
                *(str(getattr(each, name)) for name in COUNTS),
                *(duration(getattr(each, name)) for name in TIMES),
            )
            for each in stats
        ]
        self._print_table(("queue", *COUNTS, *TIMES), rows, "There is no task.", (*COUNTS, *TIMES))
        if rows:
            self.stdout.write("done, wait and took (means) are those of the last hour")

    def do_workers(self, options: dict[str, Any]) -> None:
        workers = list(worker_registry.workers().order_by("-started_at"))
        if options["json"]:
            self._print_json([_fields_of(worker) for worker in workers])
            return
        rows = [
            (
                worker.host,
                str(worker.pid),
                age(worker.seen_at),
                ",".join(worker.queues) or "all",
                worker.release or "an unknown version",
            )
            for worker in workers
        ]
        self._print_table(("host", "pid", "heartbeat", "queues", "version"), rows, "No worker runs.", ("pid",))

    def do_schedules(self, options: dict[str, Any]) -> None:
        self._sync()
        schedules = list(scheduler.rows().order_by("name"))
        if options["json"]:
            self._print_json([_fields_of(schedule) for schedule in schedules])
            return
        rows = [
            (
                age(schedule.next_run) if schedule.enabled else "disabled",
                age(schedule.last_run),
                schedule.cron or (f"every {schedule.interval:g} s" if schedule.interval else "once"),
                schedule.name,
            )
            for schedule in schedules
        ]
        self._print_table(("next", "last", "timing", "schedule"), rows, "There is no schedule.")

    # --- commands that change ---

    def do_retry(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{_tasks(operations_api.retry(self._named(options)))} will be run again.")

    def do_discard(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{_tasks(operations_api.discard(self._named(options)))} deleted.")

    def do_cancel(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{_tasks(operations_api.cancel(self._named(options)))} cancelled, or asked to stop.")

    def do_run(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{_tasks(operations_api.run_now(self._named(options)))} will be run now.")

    def do_purge(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{_tasks(operations_api.purge(datetime.timedelta(days=options['days'])))} deleted.")

    def do_pause(self, options: dict[str, Any]) -> None:
        if not transitions.records().filter(queue_name=options["queue"]).exists():
            check_queues([options["queue"]], "pause")
        is_changed = operations_api.pause(options["queue"])
        self.stdout.write(f'"{options["queue"]}" {"is paused" if is_changed else "was paused already"}.')

    def do_resume(self, options: dict[str, Any]) -> None:
        is_changed = operations_api.resume(options["queue"])
        self.stdout.write(f'"{options["queue"]}" {"runs again" if is_changed else "was not paused"}.')

    def do_schedule(self, options: dict[str, Any]) -> None:
        self._sync()
        name, action = options["name"], options["what"]
        queryset = scheduler.rows().filter(name=name)
        if not queryset:
            names = ", ".join(scheduler.rows().order_by("name").values_list("name", flat=True))
            raise CommandError(f'There is no schedule "{name}"; there are: {names or "none"}.')
        if action == "run":
            self.stdout.write(f'"{name}" is enqueued as task {scheduler.run_now(queryset[0]).id}.')
            return
        is_changed = scheduler.set_enabled(queryset, enabled=action == "enable")
        self.stdout.write(f'"{name}" {"is" if is_changed else "was"} {action}d{"" if is_changed else " already"}.')

    def _sync(self) -> None:
        if not scheduler.sync():
            self.stderr.write("Workers with newer code run: these schedules are as that code declares them.")

    def _named(self, options: dict[str, Any]) -> operations_api.Records:
        """Return the tasks that the options of an action select. Raise CommandError if they select nothing."""
        if not (options["ids"] or options["all"] or options["queue"] or options["task"]):
            raise CommandError("Say which: ID..., --queue, --task or --all.")
        queryset = self._filtered(options)
        return queryset.filter(pk__in=options["ids"]) if options["ids"] else queryset

    def _filtered(self, options: dict[str, Any]) -> operations_api.Records:
        queryset = transitions.records().all()
        if options["queue"]:
            queryset = queryset.filter(queue_name=options["queue"])
        if options["task"]:
            queryset = queryset.filter(task_path__endswith=options["task"])
        return queryset

    def _print_table(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], empty: str, numbers: Sequence[str] = ()
    ) -> None:
        """Print the rows with a head, or the line `empty` if there are none."""
        for line in table(head, rows, numbers) if rows else [empty]:
            self.stdout.write(line)

    def _print_json(self, values: Any) -> None:
        self.stdout.write(json.dumps(values, indent=1, cls=DjangoJSONEncoder))


def _fields_of(record: TaskRecord | Schedule | WorkerRecord) -> dict[str, Any]:
    names = [field.name for field in record._meta.concrete_fields if field.name not in HIDDEN]
    return {name: getattr(record, name) for name in names}


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
