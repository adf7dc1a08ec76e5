"""Tasks in the admin: to look at, and to run again."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from djbundle.tasks import control
from djbundle.tasks.models import PausedQueue, TaskRecord


@admin.register(TaskRecord)
class TaskRecordAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("__str__", "status", "queue_name", "attempts", "enqueued_at", "finished_at")
    list_filter = ("status", "queue_name", "task_path")
    search_fields = ("task_path",)
    ordering = ("-id",)
    actions = ("run_again", "run_now")
    exclude = ("worker", "lease_until", "epoch", "losses", "unique_key")

    @admin.display(description=_("attempts"))
    def attempts(self, record: TaskRecord) -> int:
        return len(record.worker_ids)

    @admin.action(description=_("Run the selected failed tasks again"), permissions=["delete"])
    def run_again(self, request: HttpRequest, records: Any) -> None:
        self.message_user(request, _("%d tasks will be run again.") % control.retry(records))

    @admin.action(description=_("Run the selected waiting tasks now"), permissions=["delete"])
    def run_now(self, request: HttpRequest, records: Any) -> None:
        self.message_user(request, _("%d tasks need not wait.") % control.run_now(records))

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _record: TaskRecord | None = None) -> bool:
        return False


@admin.register(PausedQueue)
class PausedQueueAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pause a queue by adding its name; resume it by deleting that."""

    list_display = ("name", "paused_at")
    readonly_fields = ("paused_at",)
