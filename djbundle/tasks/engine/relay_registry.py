"""The list of relays. Each relay records there whether the broker answers, so that every machine knows.

A relay is replaced after an error. So the row belongs to the process that starts it: a worker, or the command relay.
"""

import datetime
import socket
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models.functions import Coalesce

from djbundle.tasks import options
from djbundle.tasks.models import RelayRecord
from djbundle.tasks.store import clock, transitions
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.store.worker_registry import is_gone


@dataclass(frozen=True, slots=True)
class RelayRegistration:
    """One relay in the list. `identity` is that of the process that starts it."""

    identity: Identity

    def record_success(self) -> None:
        """Write that the broker answers. Call it as often as a heartbeat. Also remove the relays that are gone."""
        now = clock.now(transitions.alias())
        if not self._row.update(seen_at=now, error="", failing_since=None):
            self._insert(seen_at=now)
        _remove_gone(now)

    def record_error(self, error: str) -> None:
        """Write that the broker takes no tasks."""
        now = clock.now(transitions.alias())
        since, count = Coalesce("failing_since", models.Value(now)), models.F("errors") + 1
        if not self._row.update(seen_at=now, error=error, failing_since=since, errors=count):
            self._insert(seen_at=now, error=error, failing_since=now, errors=1)

    def remove(self) -> None:
        """Remove this relay, which is about to stop."""
        self._row.delete()

    @property
    def _row(self) -> models.QuerySet[RelayRecord]:
        return relays().filter(pk=str(self.identity))

    def _insert(self, **values: Any) -> None:
        record = RelayRecord(identity=str(self.identity), host=socket.gethostname(), pid=self.identity.pid, **values)
        record.save(using=transitions.alias(), force_insert=True)


def relays() -> models.QuerySet[RelayRecord]:
    """Return all relays in the list."""
    return RelayRecord.objects.using(transitions.alias())


def _remove_gone(now: datetime.datetime) -> None:
    stale_before = now - options.lease()
    relays().filter(pk__in=[record.pk for record in relays() if is_gone(record, stale_before)]).delete()


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """The state of the broker, as the living relays of all machines see it."""

    relays: list[RelayRecord]

    @property
    def failing(self) -> list[RelayRecord]:
        """The relays from which the broker takes no tasks, the one with the longest outage first."""
        failing = [relay for relay in self.relays if relay.failing_since]
        return sorted(failing, key=lambda relay: relay.failing_since or relay.seen_at)

    def describe(self) -> str | None:
        """Return a line about the outage, or None if there is none. It contains no host and no part of the URL."""
        if not self.failing:
            return None
        whom = "" if len(self.failing) == len(self.relays) else f" {len(self.failing)} of {len(self.relays)} relays"
        since = (self.failing[0].failing_since or self.failing[0].seen_at).isoformat(" ", "seconds")
        return f"the broker has not answered{whom} since {since}; tasks wait in the database"


def broker_status() -> BrokerStatus | None:
    """Return the status of the broker, or None if no broker carries tasks."""
    if not options.has_relay():
        return None
    stale_before = clock.now(transitions.alias()) - options.lease()
    return BrokerStatus([relay for relay in relays().order_by("host", "pid") if not is_gone(relay, stale_before)])
