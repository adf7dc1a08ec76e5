"""The states that users see, which are finer than the status in the table. Each row is in exactly one."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.models import READY, RUNNING, TaskRecord

NEWEST = ("-id",)
NEXT = ("-priority", "run_after", "id")  # the order in which workers claim
BY_RUNTIME = ("last_attempted_at", "id")
OVERDUE_AFTER = datetime.timedelta(minutes=5)  # a task that has been due for longer is overdue


@dataclass(frozen=True, slots=True)
class State:
    name: str  # used in filter URLs and in the style sheet
    label: Any
    sign: str  # for users who do not see the colour
    order: tuple[str, ...] = NEWEST  # order of the list; an index supports it for states that are not done

    def badge(self) -> SafeString:
        return format_html(
            '<span class="djt-badge djt-{}"><span aria-hidden="true">{}</span> {}</span>',
            self.name,
            self.sign,
            self.label,
        )


WAITING = State("waiting", _("Waiting"), "○", NEXT)
OVERDUE = State("overdue", _("Overdue"), "!", NEXT)
SCHEDULED = State("scheduled", _("Scheduled"), "◷", NEXT)
RETRYING = State("retrying", _("To be retried"), "↻", NEXT)
RUNS = State("running", _("Running"), "▶", BY_RUNTIME)
STOPPING = State("stopping", _("Stopping"), "■", BY_RUNTIME)
DONE = State("done", _("Done"), "✓")
FAILED = State("failed", _("Failed"), "✕")
CANCELLED = State("cancelled", _("Cancelled"), "⊘")
STATES = (WAITING, OVERDUE, SCHEDULED, RETRYING, RUNS, STOPPING, DONE, FAILED, CANCELLED)


def named(names: str) -> list[State]:
    """Return the states of a filter: "failed", or several, "waiting,overdue"."""
    return [state for state in STATES if state.name in names.split(",")]


def state_of(record: TaskRecord, now: datetime.datetime) -> State:
    if record.status == TaskResultStatus.SUCCESSFUL:
        return DONE
    if record.status == TaskResultStatus.FAILED:
        return CANCELLED if record.cancelled_at else FAILED
    if record.status == RUNNING:
        return STOPPING if record.cancelled_at else RUNS
    if record.run_after > now:
        return RETRYING if record.started_at else SCHEDULED
    return OVERDUE if record.run_after <= now - OVERDUE_AFTER else WAITING


def condition(state: State, now: datetime.datetime) -> Q:
    """Return the condition of the rows in this state."""
    later = Q(status=READY, run_after__gt=now)
    return {
        WAITING: Q(status=READY, run_after__lte=now, run_after__gt=now - OVERDUE_AFTER),
        OVERDUE: Q(status=READY, run_after__lte=now - OVERDUE_AFTER),
        SCHEDULED: later & Q(started_at=None),
        RETRYING: later & Q(started_at__isnull=False),
        RUNS: Q(status=RUNNING, cancelled_at=None),
        STOPPING: Q(status=RUNNING, cancelled_at__isnull=False),
        DONE: Q(status=TaskResultStatus.SUCCESSFUL),
        FAILED: Q(status=TaskResultStatus.FAILED, cancelled_at=None),
        CANCELLED: Q(status=TaskResultStatus.FAILED, cancelled_at__isnull=False),
    }[state]
