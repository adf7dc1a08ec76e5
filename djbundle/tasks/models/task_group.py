"""The table of groups."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class TaskGroup(models.Model):
    """Tasks that were enqueued together, and the callback that follows when all have succeeded."""

    total = models.PositiveIntegerField(_("tasks"))
    remaining = models.PositiveIntegerField(_("not done"))
    callback = models.JSONField(_("followed by"), null=True)  # calls, see store/following.py
    enqueued_at = models.DateTimeField(_("enqueued"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("task group")
        verbose_name_plural = _("task groups")

    def __str__(self) -> str:
        return f"{self.total - self.remaining}/{self.total}"
