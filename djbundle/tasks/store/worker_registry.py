"""The list of workers. Each adds itself with its heartbeat, and removes itself when it stops."""

import datetime
import socket
from dataclasses import dataclass

from django.db import models

from djbundle.tasks import options
from djbundle.tasks.models import RelayRecord, WorkerRecord
from djbundle.tasks.store import clock, releases, transitions
from djbundle.tasks.store.worker_identity import Identity


@dataclass(frozen=True, slots=True)
class Registration:
    """One worker in the list."""

    identity: Identity
    queues: transitions.Queues
    processes: int
    threads: int
    started_at: datetime.datetime

    def renew(self) -> None:
        """Write that this worker is alive."""
        record = WorkerRecord(
            identity=str(self.identity),
            host=socket.gethostname(),
            pid=self.identity.pid,
            queues=list(self.queues),
            processes=self.processes,
            threads=self.threads,
            release=releases.name(),
            started_at=self.started_at,
            seen_at=clock.now(transitions.alias()),
        )
        updated = workers().filter(pk=record.pk).update(host=record.host, seen_at=record.seen_at)
        if not updated:
            record.save(using=transitions.alias(), force_insert=True)
        releases.record_seen()

    def remove(self) -> None:
        """Remove this worker, which is about to stop."""
        workers().filter(pk=str(self.identity)).delete()


def remove_gone() -> None:
    """Remove the workers that ended without removing themselves."""
    stale_before = clock.now(transitions.alias()) - options.lease()
    ended_workers = [record.pk for record in workers().all() if is_gone(record, stale_before)]
    workers().filter(pk__in=ended_workers).delete()


def is_gone(record: WorkerRecord | RelayRecord, stale_before: datetime.datetime) -> bool:
    """Return whether its process has ended, or, on another machine, was last seen before this moment."""
    identity = Identity.parse(record.pk)
    return identity.is_gone() or (record.seen_at < stale_before and not identity.is_alive())


def workers() -> models.QuerySet[WorkerRecord]:
    """Return all workers in the list."""
    return WorkerRecord.objects.using(transitions.alias())
