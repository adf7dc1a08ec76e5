"""The tables of queues that are paused, and of queues with a rate limit."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class PausedQueue(models.Model):
    """A queue from which no worker takes tasks."""

    name = models.CharField(_("queue"), max_length=100, primary_key=True)
    paused_at = models.DateTimeField(_("paused"), default=timezone.now)

    class Meta:
        verbose_name = _("paused queue")
        verbose_name_plural = _("paused queues")

    def __str__(self) -> str:
        return self.name


class QueueLimit(models.Model):
    """A token bucket: how many tasks of a queue with a rate limit may start now."""

    name = models.CharField(_("queue"), max_length=100, primary_key=True)
    tokens = models.FloatField()  # at `counted_at`
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
