"""The table of tasks: a row for each task, from its enqueuing until it is pruned."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, ClassVar, Self

from django.core.checks import CheckMessage
from django.db import models
from django.db.models.base import ModelState
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djbundle.tasks.compat import TaskError, TaskResult, TaskResultStatus, task_backends
from djbundle.tasks.task import RetryingTask, backoff_of, load, max_attempts_of, to_seconds

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
    worker_losses = models.PositiveSmallIntegerField(null=True)  # crashes at which the whole worker died too
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
