"""Tasks in the admin: to look at, and to run again."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djbundle.tasks import queue, wakeup
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.models import TaskRecord


@admin.register(TaskRecord)
class TaskRecordAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("__str__", "status", "queue_name", "attempts", "enqueued_at", "finished_at")
    list_filter = ("status", "queue_name", "task_path")
    search_fields = ("task_path",)
    ordering = ("-id",)
    actions = ("run_again",)
    exclude = ("worker", "lease_until", "epoch", "losses")

    @admin.display(description=_("attempts"))
    def attempts(self, record: TaskRecord) -> int:
        return len(record.worker_ids)

    @admin.action(description=_("Run the selected failed tasks again"), permissions=["delete"])
    def run_again(self, request: HttpRequest, records: Any) -> None:
        failed = records.filter(status=TaskResultStatus.FAILED)
        count = failed.update(
            status=TaskResultStatus.READY, run_after=timezone.now(), finished_at=None, errors=[], losses=0
        )
        transaction.on_commit(lambda: wakeup.send(queue.alias()), using=queue.alias())
        self.message_user(request, _("%d tasks will be run again.") % count)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _record: TaskRecord | None = None) -> bool:
        return False
