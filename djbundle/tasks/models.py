"""The one table: a row for each task enqueued, from its enqueuing until it is pruned."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from djbundle.tasks.compat import TaskError, TaskResult, TaskResultStatus
from djbundle.tasks.task import RetryingTask, with_rules

READY, RUNNING = TaskResultStatus.READY, TaskResultStatus.RUNNING


class TaskRecord(models.Model):
    """A task, its state and its result. Rows change by the statements of queue.py only."""

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
    unique_key = models.CharField(max_length=64, default="", editable=False)  # of what must not be there twice
    args = models.JSONField(_("arguments"), default=list)
    kwargs = models.JSONField(_("named arguments"), default=dict)

    status = models.CharField(_("status"), max_length=10, choices=TaskResultStatus.choices, default=READY)
    run_after = models.DateTimeField(_("run after"), default=timezone.now)
    enqueued_at = models.DateTimeField(_("enqueued"), default=timezone.now)
    started_at = models.DateTimeField(_("first started"), null=True)
    last_attempted_at = models.DateTimeField(_("last started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    return_value = models.JSONField(_("return value"), null=True)
    errors = models.JSONField(_("errors"), default=list)
    worker_ids = models.JSONField(_("workers"), default=list)

    worker = models.CharField(max_length=200, default="")  # who holds the lease; see identity.py
    lease_until = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)  # grows with each claim; a run may only write under its own
    losses = models.PositiveSmallIntegerField(default=0)  # runs that ended with their worker

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
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status=READY, expires_at__isnull=False),
                name="djbundle_tasks_expiring",
            ),
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

    def load_task(self) -> RetryingTask:
        """The task as it was enqueued; raises ImportError or AttributeError when the project no longer has it."""
        return with_rules(import_string(self.task_path)).using(
            priority=self.priority,
            queue_name=self.queue_name,
            backend=self.backend,
            run_after=self.run_after,
            max_attempts=self.max_attempts,
            backoff=self.backoff,
            timeout=self.timeout,
        )

    def to_result(self) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
        """As ``django.tasks`` shows it."""
        result: Any = TaskResult(
            task=self.load_task(),
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


class PausedQueue(models.Model):
    """A queue that no worker takes tasks from."""

    name = models.CharField(_("queue"), max_length=100, primary_key=True)
    paused_at = models.DateTimeField(_("paused"), default=timezone.now)

    class Meta:
        verbose_name = _("paused queue")
        verbose_name_plural = _("paused queues")

    def __str__(self) -> str:
        return self.name
