"""The overview page: queues, the last 24 hours, and the workers."""

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from djbundle.tasks import operations_api, options
from djbundle.tasks.admin.chart import latency, table, throughput
from djbundle.tasks.admin.history import SAMPLE, History, history, mean
from djbundle.tasks.admin.texts import seconds_between, span
from djbundle.tasks.engine.relay_registry import broker_status
from djbundle.tasks.models import READY, RUNNING, PausedQueue, WorkerRecord
from djbundle.tasks.store import transitions

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]
else:
    Base = object

WORKER_MAX_AGE = datetime.timedelta(days=1)  # a worker that was last seen earlier is not shown


@dataclass(frozen=True, slots=True)
class Card:
    """One queue."""

    name: str
    paused: bool
    ready: int
    scheduled: int
    running: int
    done: int  # in the last 24 hours, as are `failed` and `wait`
    failed: int
    oldest: str  # how long the oldest ready task has waited
    wait: str  # the mean wait


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker."""

    record: WorkerRecord
    is_stale: bool
    ago: str


class OverviewViews(Base):
    """The views of the overview, for the admin of the tasks."""

    def overview_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("overview/", view(require_GET(self.overview)), name="djbundle_tasks_overview"),
            path("overview/queue/", view(require_POST(self.set_queue)), name="djbundle_tasks_queue"),
        ]

    def overview(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        last_day = history(now)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Overview"),
            "opts": self.opts,
            "media": self.media,
            "actions_on_top": True,
            "cards": cards(last_day, now),
            "charts": [throughput(last_day.hours), latency(last_day.hours)],
            "table": table(last_day.hours),
            "sampled": any(hour.finished > SAMPLE for hour in last_day.hours),
            "sample": SAMPLE,
            "workers": workers(now),
            "outages": status.failing if (status := broker_status()) else [],
            "may_pause": request.user.has_perm("djbundle_tasks.add_pausedqueue"),
            "may_resume": request.user.has_perm("djbundle_tasks.delete_pausedqueue"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/djbundle_tasks/overview.html", context)

    def set_queue(self, request: HttpRequest) -> HttpResponse:
        """Pause or resume a queue."""
        name, command = request.POST.get("queue", ""), request.POST.get("command")
        if not name or command not in ("pause", "resume"):
            raise BadRequest("There is no such command.")
        permission = "add" if command == "pause" else "delete"
        if not request.user.has_perm(f"djbundle_tasks.{permission}_pausedqueue"):
            raise PermissionDenied
        if command == "pause":
            operations_api.pause(name)
            message = _("No worker takes tasks from “%s” now.")
        else:
            operations_api.resume(name)
            message = _("Workers take tasks from “%s” again.")
        self.message_user(request, message % name, messages.SUCCESS)
        return redirect(reverse("admin:djbundle_tasks_overview", current_app=self.admin_site.name))


def cards(last_day: History, now: datetime.datetime) -> list[Card]:
    """Return each queue that had tasks in the last 24 hours, has some now, or is paused."""
    paused = set(PausedQueue.objects.using(transitions.alias()).values_list("name", flat=True))
    ready, running = _ready(now), _running()
    names = {*last_day.done, *last_day.failed, *ready, *running, *paused}
    return [
        Card(
            name=name,
            paused=name in paused,
            ready=ready.get(name, {}).get("due", 0),
            scheduled=ready.get(name, {}).get("later", 0),
            running=running.get(name, 0),
            done=last_day.done[name],
            failed=last_day.failed[name],
            oldest=span(seconds_between(ready.get(name, {}).get("oldest"), now)),
            wait=span(mean(last_day.waits.get(name, []))),
        )
        for name in sorted(names)
    ]


def _ready(now: datetime.datetime) -> dict[str, dict[str, Any]]:
    due = Q(run_after__lte=now)
    rows = (
        transitions.records()
        .filter(status=READY)
        .order_by()
        .values("queue_name")
        .annotate(
            due=Count("pk", filter=due),
            later=Count("pk", filter=~due),
            oldest=Min("run_after", filter=due),
        )
    )
    return {row["queue_name"]: {**row} for row in rows}


def _running() -> dict[str, int]:
    rows = transitions.records().filter(status=RUNNING).order_by().values("queue_name").annotate(count=Count("pk"))
    return {row["queue_name"]: row["count"] for row in rows}


def workers(now: datetime.datetime) -> list[WorkerRow]:
    """Return the workers that were seen recently, the latest first."""
    rows = WorkerRecord.objects.using(transitions.alias()).filter(seen_at__gt=now - WORKER_MAX_AGE).order_by("-seen_at")
    return [
        WorkerRow(row, is_stale=row.seen_at < now - options.lease(), ago=span(seconds_between(row.seen_at, now)))
        for row in rows
    ]
