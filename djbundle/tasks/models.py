"""The one table: a row for each task enqueued, from its enqueuing until it is pruned."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from djbundle.tasks.compat import Task, TaskError, TaskResult, TaskResultStatus

READY, RUNNING = TaskResultStatus.READY, TaskResultStatus.RUNNING


class TaskRecord(models.Model):
    """A task, its state and its result. Rows change by the statements of queue.py only."""

    task_path = models.CharField(_("task"), max_length=255)
    backend = models.CharField(_("backend"), max_length=100)
    queue_name = models.CharField(_("queue"), max_length=100)
    priority = models.SmallIntegerField(_("priority"), default=0)
    takes_context = models.BooleanField(default=False)
    max_attempts = models.PositiveIntegerField(_("attempts allowed"), default=1)
    backoff = models.FloatField(_("backoff"), help_text=_("seconds after the first failure"), default=5.0)
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
            models.Index(fields=["finished_at"], name="djbundle_tasks_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.task_path.rpartition('.')[2]} {self.pk}"

    def load_task(self) -> Task:  # type: ignore[type-arg,unused-ignore]
        """The task as it was enqueued; raises ImportError or AttributeError when the project no longer has it."""
        task = import_string(self.task_path)
        return task.using(  # type: ignore[no-any-return]
            priority=self.priority, queue_name=self.queue_name, backend=self.backend, run_after=self.run_after
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
