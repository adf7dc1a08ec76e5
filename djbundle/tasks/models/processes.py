"""The tables of processes that run: workers, relays, and the versions of the project's code that they have."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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
