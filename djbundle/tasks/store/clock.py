"""The time by which leases are told: that of the database server, since the workers' machines may disagree.

SQLite has no server, and all its workers are on one machine. Elsewhere the server is asked with each heartbeat, and
the time since then is taken from a clock that nobody sets, and that goes on while the machine sleeps.
"""

import datetime
from dataclasses import dataclass

from django.db import connections
from django.utils import timezone

from djbundle.common.periodic import steady
from djbundle.tasks.timing import UTC, to_stored

GOOD_FOR = 60.0  # seconds that an answer is used
EPOCH = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    "mysql": "SELECT unix_timestamp(now(6))",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server said."""

    epoch: float  # seconds since 1970
    at: float  # `steady` then


_readings: dict[str, Reading] = {}  # by the alias of the database


def now(alias: str) -> datetime.datetime:
    """As the database takes it, with USE_TZ and without. Asks it now and then."""
    if connections[alias].vendor not in EPOCH:
        return timezone.now()
    if alias not in _readings or steady() - _readings[alias].at > GOOD_FOR:
        read(alias)
    reading = _readings[alias]
    return to_stored(datetime.datetime.fromtimestamp(reading.epoch + steady() - reading.at, UTC))


def read(alias: str) -> None:
    """Ask the database. Its answer is from a moment before it arrived: a lease is rather too short than too long."""
    connection = connections[alias]
    if connection.vendor in EPOCH:
        with connection.cursor() as cursor:
            cursor.execute(EPOCH[connection.vendor])
            (epoch,) = cursor.fetchone()
        _readings[alias] = Reading(float(epoch), steady())
