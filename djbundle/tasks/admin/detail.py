"""The details of one task."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext as _

from djbundle.tasks.admin.states import state_of
from djbundle.tasks.admin.texts import NOTHING, pretty, seconds_between, short_name, span, to_the_second
from djbundle.tasks.models import FAILED, READY, RUNNING, TaskRecord
from djbundle.tasks.store import transitions

Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A failed attempt."""

    number: int
    kind: str  # of the exception
    message: str  # last line of the traceback
    traceback: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class ProgressDisplay:
    """The progress of a task.

    Its numbers are text, because a template would format them for the user's language, which HTML cannot parse.
    """

    done: str
    total: str  # "": unknown
    note: str

    @property
    def text(self) -> str:
        return _("%(done)s of %(total)s") % {"done": self.done, "total": self.total} if self.total else self.done


def detail(record: TaskRecord, now: datetime.datetime) -> dict[str, Any]:
    """Return what the template shows."""
    return {
        "state": state_of(record, now),
        "short_name": short_name(record.task_path),
        "arguments": [pretty(value) for value in record.args],
        "named_arguments": [(name, pretty(value)) for name, value in record.kwargs.items()],
        "times": times(record, now),
        "rules": rules(record),
        "progress": progress(record.progress),
        "result": None if record.return_value is None else pretty(record.return_value),
        "attempts": failed_attempts(record.errors),
        "held": why_held(record),
        "then": pretty(record.then) if record.then else None,
        "group": group(record),
    }


def why_held(record: TaskRecord) -> str:
    """Return why the task cannot run yet, or "" if it can."""
    return str(record.held.get("why", "")) if record.status == READY and isinstance(record.held, dict) else ""


def wait_and_run(record: TaskRecord, now: datetime.datetime) -> tuple[float | None, float | None]:
    """Return how long the last run waited and how long it took, in seconds, up to now.

    It waited from when it was due until it started, and took from then until it ended.
    """
    started, ended = record.last_attempted_at, record.finished_at
    if record.status == READY or started is None:
        end = ended or now
        return (seconds_between(record.run_after, end) if end >= record.run_after else None), None
    return seconds_between(record.run_after, started), seconds_between(started, ended or now)


def times(record: TaskRecord, now: datetime.datetime) -> Facts:
    started = record.last_attempted_at
    wait, took = wait_and_run(record, now)
    facts = [
        (_("Enqueued"), to_the_second(record.enqueued_at)),
        (_("Due"), to_the_second(record.run_after)),
        (_("First started"), to_the_second(record.started_at)),
        (_("Last started"), to_the_second(started) if started != record.started_at else ""),
        (_("Finished"), to_the_second(record.finished_at)),
        (_("Cancelled"), to_the_second(record.cancelled_at)),
        (_("Expires"), to_the_second(record.expires_at)),
        (_("Waited"), span(wait)),
        (_("From enqueued to finished"), span(seconds_between(record.enqueued_at, record.finished_at))),
        (_("Runs for") if record.status == RUNNING else _("Took"), span(took)),
    ]
    return [(label, text) for label, text in facts if text not in ("", NOTHING)]


def rules(record: TaskRecord) -> Facts:
    runs = {"made": len(record.worker_ids), "allowed": record.max_attempts}
    facts = [
        (_("Queue"), record.queue_name),
        (_("Priority"), localize(record.priority) if record.priority else ""),
        (_("Attempts"), _("%(made)d of %(allowed)d") % runs if record.max_attempts else ""),
        (
            _("Pause after the first failure"),
            span(record.backoff) if record.backoff and record.max_attempts > 1 else "",
        ),
        (_("Timeout"), span(record.timeout) if record.timeout else ""),
        (_("Lost with their process"), localize(record.losses) if record.losses else ""),
        (_("In order") if record.in_order else _("At once"), limit_text(record)),
        (_("Backend"), record.backend if record.backend != "default" else ""),
    ]
    return [(label, str(text)) for label, text in facts if text]


def limit_text(record: TaskRecord) -> str:
    """Return the key of the task, and how many with this key may run at once."""
    if not record.concurrency_key or record.in_order:
        return record.concurrency_key
    return f"{record.concurrency_limit or NOTHING} ({record.concurrency_key})"


def progress(reported: Any) -> ProgressDisplay | None:
    """Return the progress that the task has reported, which may be any value."""
    if not isinstance(reported, dict):
        return None
    done, total = (value if isinstance(value := reported.get(key), int | float) else None for key in ("done", "total"))
    if done is None and not reported.get("note"):
        return None
    return ProgressDisplay(str(done or 0), str(total) if total else "", str(reported.get("note") or ""))


def failed_attempts(errors: list[dict[str, str]]) -> list[FailedAttempt]:
    attempts = []
    for number, error in enumerate(errors, 1):
        traceback = error.get("traceback", "").rstrip()
        message = traceback.rpartition("\n")[2]
        kind = error.get("exception_class_path", "")
        attempts.append(FailedAttempt(number, kind, message, traceback, is_last=number == len(errors)))
    return attempts


def group(record: TaskRecord) -> dict[str, Any] | None:
    """Return the group of the task, with tasks that were enqueued together with it."""
    if record.group_id is None or (group := record.group) is None:
        return None
    others = transitions.records().filter(group_id=record.group_id).exclude(pk=record.pk)
    return {
        "pk": group.pk,
        "text": _("%(done)d of %(total)d done") % {"done": group.total - group.remaining, "total": group.total},
        "failed": others.filter(status=FAILED).exists(),
        "then": pretty(group.callback) if group.callback else None,
        "some": list(others.order_by("group_index", "pk").only("pk", "task_path")[:10]),
    }
