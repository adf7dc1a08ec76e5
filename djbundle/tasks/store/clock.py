"""The time for leases is that of the database server, since the clocks of the workers' machines may disagree.

SQLite has no server, and all its workers are on one machine. Elsewhere each heartbeat asks the server. The time since
then comes from a clock that is never set, and that continues while the machine sleeps.
"""

import datetime
from dataclasses import dataclass

from django.db import connections
from django.utils import timezone

from djbundle.common.periodic import steady
from djbundle.tasks.timing import UTC, to_stored

MAX_AGE = 60.0  # seconds for which an answer is used
EPOCH = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    "mysql": "SELECT unix_timestamp(now(6))",
}


@dataclass(frozen=True, slots=True)
class ClockReading:
    """An answer of the server."""

    epoch: float  # seconds since 1970
    at: float  # value of `steady()` then


_readings: dict[str, ClockReading] = {}  # by the alias of the database


def now(alias: str) -> datetime.datetime:
    """Return the time as the database takes it, with or without USE_TZ. Ask the server now and then."""
    if connections[alias].vendor not in EPOCH:
        return timezone.now()
    if alias not in _readings or steady() - _readings[alias].at > MAX_AGE:
        read(alias)
    reading = _readings[alias]
    return to_stored(datetime.datetime.fromtimestamp(reading.epoch + steady() - reading.at, UTC))


def read(alias: str) -> None:
    """Ask the database. Its answer is a moment old when it arrives, so a lease is rather too short than too long."""
    connection = connections[alias]
    if connection.vendor in EPOCH:
        with connection.cursor() as cursor:
            cursor.execute(EPOCH[connection.vendor])
            (epoch,) = cursor.fetchone()
        _readings[alias] = ClockReading(float(epoch), steady())
