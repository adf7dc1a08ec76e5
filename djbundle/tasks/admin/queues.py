"""Paused queues in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from djbundle.tasks import operations_api
from djbundle.tasks.models import PausedQueue


@admin.register(PausedQueue)
class PausedQueueAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pause a queue by adding its name; resume it by deleting the name."""

    list_display = ("name", "paused_at")
    readonly_fields = ("paused_at",)

    def delete_model(self, _request: HttpRequest, paused: PausedQueue) -> None:
        operations_api.resume(paused.name)

    def delete_queryset(self, _request: HttpRequest, queryset: Any) -> None:
        for paused in queryset:
            operations_api.resume(paused.name)
