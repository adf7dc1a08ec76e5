"""The table of schedules."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djbundle.tasks import validators
from djbundle.tasks.store import wakeup
from djbundle.tasks.timing import Timing


class Schedule(models.Model):
    """A task that is enqueued again and again. It is declared in code with ``@schedule``, or created in the admin."""

    class Missed(models.TextChoices):
        """The rule for ticks that passed while no worker ran."""

        ONCE = "once", _("run once")
        ALL = "all", _("run each")
        SKIP = "skip", _("skip them")

    name = models.CharField(_("name"), max_length=200, unique=True)
    task_path = models.CharField(
        _("task"),
        max_length=255,
        help_text=_("catalogue.tasks.warm_cache"),
        validators=[validators.validate_task_path],
    )
    args = models.JSONField(_("arguments"), default=list, blank=True)
    kwargs = models.JSONField(_("named arguments"), default=dict, blank=True)
    cron = models.CharField(
        _("cron"),
        max_length=100,
        blank=True,
        help_text=_("0 3 * * *: each day at three"),
        validators=[validators.validate_cron],
    )
    interval = models.FloatField(
        _("interval"),
        null=True,
        blank=True,
        help_text=_("seconds, instead of cron"),
        validators=[validators.validate_interval],
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        help_text=_("empty: TIME_ZONE"),
        validators=[validators.validate_time_zone],
    )
    missed = models.CharField(_("missed runs"), max_length=4, choices=Missed.choices, default=Missed.ONCE)
    enabled = models.BooleanField(_("enabled"), default=True)
    in_code = models.BooleanField(_("declared in code"), default=False, editable=False)
    declared = models.CharField(max_length=64, default="", editable=False)  # hash of the last declaration
    next_run = models.DateTimeField(_("next run"), null=True, blank=True)  # none: never again
    last_run = models.DateTimeField(_("last run"), null=True, editable=False)

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the schedule. Compute `next_run` if the timing decides it, and wake a worker."""
        if self._needs_next_run():
            now = timezone.now()
            self.next_run = self.timing.following(
                min(self.next_run or now, now), now
            )  # an interval that has begun keeps its phase
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "next_run"}
        super().save(*args, **kwargs)
        wakeup.send_on_commit(router.db_for_write(type(self), instance=self))

    def clean(self) -> None:
        """Raise ValidationError for fields that contradict each other."""
        if self.cron and self.interval is not None:
            raise ValidationError(_("Cron or an interval, not both."))
        if not self.timing.recurs and self.next_run is None and self._state.adding:
            raise ValidationError(_("Cron, an interval, or the next run as the only one."))
        if not isinstance(self.args, list) or not isinstance(self.kwargs, dict):
            raise ValidationError(_("Arguments are a list, named arguments an object."))
        try:
            task = validators.load_task(self.task_path)
        except ValidationError:
            return  # the field reports it
        validators.validate_call(task, self.args, self.kwargs)

    @property
    def timing(self) -> Timing:
        return Timing(self.cron, self.interval, self.time_zone)

    def _needs_next_run(self) -> bool:
        """Return whether `next_run` must be computed again.

        That is so if the timing is new, if the schedule was enabled again, or if that tick has already run.
        """
        if self.next_run and self.last_run and self.next_run <= self.last_run:  # a form was open while that tick ran
            return True
        if not self.timing.recurs:
            return False
        if self.next_run is None:
            return True
        before = type(self).objects.using(self._state.db).filter(pk=self.pk).first()
        if before is None:
            return False
        is_past = self.enabled and not before.enabled and self.next_run <= timezone.now()
        return is_past or before.timing != self.timing
