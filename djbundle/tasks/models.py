"""The tables: a row for each task, from its enqueuing until it is pruned; rows for groups, schedules and workers."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, ClassVar, Self

from django.core.checks import CheckMessage
from django.core.exceptions import ValidationError
from django.db import models, router
from django.db.models.base import ModelState
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djbundle.tasks import validators
from djbundle.tasks.compat import TaskError, TaskResult, TaskResultStatus, task_backends
from djbundle.tasks.store import wakeup
from djbundle.tasks.task import RetryingTask, backoff_of, load, max_attempts_of, to_seconds
from djbundle.tasks.timing import Timing

READY, RUNNING, FAILED = TaskResultStatus.READY, TaskResultStatus.RUNNING, TaskResultStatus.FAILED


@lru_cache(maxsize=256)
def restored(
    defined: RetryingTask, priority: int, queue_name: str, backend: str, changes: tuple[tuple[str, Any], ...]
) -> RetryingTask:
    """Return the task with the rules of a row. Calls with the same rules share one task."""
    return defined.restored(priority=priority, queue_name=queue_name, backend=backend, **dict(changes))


class TaskRecord(models.Model):
    """A task, its state and its result. Only the statements of store/transitions.py change rows."""

    task_path = models.CharField(_("task"), max_length=255)
    backend = models.CharField(_("backend"), max_length=100)
    queue_name = models.CharField(_("queue"), max_length=100)
    priority = models.SmallIntegerField(_("priority"), default=0)
    takes_context = models.BooleanField(default=False)
    max_attempts = models.PositiveIntegerField(_("attempts allowed"), default=1)
    backoff = models.FloatField(
        _("backoff"), help_text=_("seconds after the first failure; none: as the task says"), null=True
    )
    timeout = models.FloatField(_("timeout"), help_text=_("seconds"), null=True)
    expires_at = models.DateTimeField(_("expires"), null=True)
    unique_key = models.CharField(max_length=64, default="", editable=False)  # only one task per key may wait or run
    concurrency_key = models.CharField(_("concurrency key"), max_length=200, default="")
    concurrency_limit = models.PositiveSmallIntegerField(_("at once"), null=True)  # runs with the same key
    in_order = models.BooleanField(_("in order"), null=True)  # its key is an ordering key; None: it is not
    args = models.JSONField(_("arguments"), default=list)
    kwargs = models.JSONField(_("named arguments"), default=dict)
    then = models.JSONField(_("followed by"), null=True)  # calls to enqueue after this task, see store/following.py
    group = models.ForeignKey(
        "TaskGroup", models.SET_NULL, null=True, db_index=False, related_name="tasks", verbose_name=_("group")
    )
    group_index = models.PositiveIntegerField(null=True)  # the index of the result in the group's results
    held = models.JSONField(_("held back"), null=True, editable=False)  # why the task cannot run yet, see held.py

    status = models.CharField(_("status"), max_length=10, choices=TaskResultStatus.choices, default=READY)
    run_after = models.DateTimeField(_("run after"), default=timezone.now)
    enqueued_at = models.DateTimeField(_("enqueued"), default=timezone.now)
    started_at = models.DateTimeField(_("first started"), null=True)
    last_attempted_at = models.DateTimeField(_("last started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    return_value = models.JSONField(_("return value"), null=True)
    errors = models.JSONField(_("errors"), default=list)
    progress = models.JSONField(_("progress"), null=True)  # {"done": 3, "total": 10, "note": "..."}
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)  # when the task was asked to stop
    worker_ids = models.JSONField(_("workers"), default=list)

    worker = models.CharField(max_length=200, default="")  # holds the lease; see store/worker_identity.py
    lease_until = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)  # grows with each claim; a run may write only under its own epoch
    losses = models.PositiveSmallIntegerField(default=0)  # crash count: runs whose process died
    worker_losses = models.PositiveSmallIntegerField(null=True)  # those of them whose whole worker was gone as well
    sent_at = models.DateTimeField(null=True, editable=False)  # to the broker, by the relay; see engine/sending.py

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        indexes: ClassVar = [
            models.Index(
                fields=["-priority", "run_after", "id"], condition=models.Q(status=READY), name="djbundle_tasks_ready"
            ),
            models.Index(fields=["lease_until"], condition=models.Q(status=RUNNING), name="djbundle_tasks_running"),
            models.Index(
                fields=["finished_at"], condition=models.Q(finished_at__isnull=False), name="djbundle_tasks_finished"
            ),
            models.Index(fields=["-finished_at"], condition=models.Q(status=FAILED), name="djbundle_tasks_failed"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status=READY, expires_at__isnull=False),
                name="djbundle_tasks_expiring",
            ),
            models.Index(
                fields=["concurrency_key"],
                condition=~models.Q(concurrency_key="") & models.Q(status__in=[READY, RUNNING]),
                name="djbundle_tasks_limited",
            ),
            models.Index(
                fields=["sent_at"],
                condition=models.Q(status=READY, sent_at__isnull=False),
                name="djbundle_tasks_sent",
            ),
            models.Index(fields=["group"], condition=models.Q(group__isnull=False), name="djbundle_tasks_group"),
            models.Index(
                fields=["unique_key", "enqueued_at"], condition=~models.Q(unique_key=""), name="djbundle_tasks_key"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["unique_key"],
                condition=~models.Q(unique_key="") & models.Q(status__in=[READY, RUNNING]),
                name="djbundle_tasks_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.task_path.rpartition('.')[2]} {self.pk}"

    @classmethod
    def check(cls, **kwargs: Any) -> list[CheckMessage]:
        """Return Django's messages, without the warnings that MySQL has no conditions on indexes and constraints.

        Migration 0004 adds there what replaces them.
        """
        return [message for message in super().check(**kwargs) if message.id not in ("models.W036", "models.W037")]

    @classmethod
    def new(cls, **values: Any) -> Self:
        """Return ``cls(**values)`` in a tenth of the time: set each field, and send no signal.

        The time matters because requests enqueue tasks.
        """
        shared, factories = _defaults(cls)
        record = cls.__new__(cls)
        record._state = ModelState()
        record.__dict__ |= shared | {name: make() for name, make in factories if name not in values} | values
        return record

    @classmethod
    def stored(cls, alias: str, values: dict[str, Any]) -> Self:
        """Return what ``cls.from_db()`` returns, in the same way as `new`."""
        record = cls.__new__(cls)
        record._state = state = ModelState()
        state.adding, state.db = False, alias
        record.__dict__.update(values)
        return record

    def load_task(self) -> RetryingTask:
        """Return the task as it was enqueued, or raise UnknownTask, an ImportError, if the project no longer has it."""
        defined = load(self.task_path)
        options = task_backends[self.backend].options
        rules = (  # as this row has them, and as the definition implies them: equal ones are no change
            ("max_attempts", self.max_attempts, max_attempts_of(defined, options)),
            ("backoff", self.backoff, backoff_of(defined, options)),
            ("timeout", self.timeout, to_seconds(defined.timeout)),
            ("run_after", self.run_after, self.enqueued_at),
        )
        changes = [(name, kept) for name, kept, implied in rules if kept not in (None, implied)]
        return restored(defined, self.priority, self.queue_name, self.backend, tuple(changes))

    def to_result(self, task: Any = None) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
        """Return the result as ``django.tasks`` shows it. Pass `task` if it is known: that saves loading it."""
        result: Any = TaskResult(
            task=task if task and task.backend == self.backend else self.load_task(),
            id=str(self.pk),
            status=TaskResultStatus(self.status),
            enqueued_at=self.enqueued_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            last_attempted_at=self.last_attempted_at,
            args=self.args,
            kwargs=self.kwargs,
            backend=self.backend,
            errors=[TaskError(**error) for error in self.errors],
            worker_ids=list(self.worker_ids),
        )
        object.__setattr__(result, "_return_value", self.return_value)
        return result  # type: ignore[no-any-return]


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """Return the defaults that all instances share, and the functions that make the others, by attribute name."""
    fields = model._meta.concrete_fields
    callable_fields = [field for field in fields if field.has_default() and callable(field.default)]
    shared = {field.attname: field.get_default() for field in fields if field not in callable_fields}
    return shared, [(field.attname, field.default) for field in callable_fields]


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
        if self._waits_anew():
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

    def _waits_anew(self) -> bool:
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


class Release(models.Model):
    """A version of the project's code that has run a worker here. The newest is the one that was first seen last."""

    name = models.CharField(_("version"), max_length=200, primary_key=True)
    first_seen_at = models.DateTimeField(_("first seen"))
    seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")

    def __str__(self) -> str:
        return self.name


class WorkerRecord(models.Model):
    """A running worker, as of its last heartbeat."""

    identity = models.CharField(max_length=200, primary_key=True)  # see store/worker_identity.py
    host = models.CharField(_("host"), max_length=255)
    pid = models.PositiveIntegerField()
    queues = models.JSONField(_("queues"), default=list)  # empty: all
    processes = models.PositiveIntegerField(_("processes"))
    threads = models.PositiveIntegerField(_("threads"))
    release = models.CharField(_("version"), max_length=200, null=True)  # noqa: DJ001 - of code that knows no versions
    started_at = models.DateTimeField(_("started"))
    seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return f"{self.host} {self.pid}"


class RelayRecord(models.Model):
    """A process that has a relay, a worker or the command ``relay``, and what its relay knows of the broker."""

    identity = models.CharField(max_length=200, primary_key=True)  # of that process, see store/worker_identity.py
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    seen_at = models.DateTimeField()
    error = models.TextField(default="")  # why the broker takes no tasks; "": it answers
    failing_since = models.DateTimeField(null=True)  # None: it answers
    errors = models.PositiveIntegerField(default=0)  # attempts that have failed since the process started

    def __str__(self) -> str:
        return f"{self.host} {self.pid}"
