"""Computes when a schedule is due. All is computed in UTC; a time zone only says what the fields of cron mean.

Summer time works as in Debian's cron. A job at a time of day that the clock skips runs right after the gap. A job at a
time that comes twice runs the first time. A job that runs at least hourly, or at an interval, is not affected.
"""

import datetime
import zoneinfo
from dataclasses import dataclass

from cronsim import CronSim
from django.conf import settings
from django.utils import timezone

UTC = datetime.UTC
MISSED_AFTER = datetime.timedelta(seconds=60)  # a tick that is later than this is missed


@dataclass(frozen=True, slots=True)
class Timing:
    """Cron, or an interval in seconds, or neither: once."""

    cron: str = ""
    interval: float | None = None
    time_zone: str = ""  # empty: TIME_ZONE

    @property
    def recurs(self) -> bool:
        return bool(self.cron) or self.interval is not None

    def following(self, tick: datetime.datetime, moment: datetime.datetime) -> datetime.datetime | None:
        """Return the first tick after `moment`, or None for never again. Intervals are counted from `tick`."""
        tick, moment = tick.astimezone(UTC), moment.astimezone(UTC)
        if self.cron:
            return self._following_of_cron(moment)
        if self.interval is None:
            return None
        step = datetime.timedelta(seconds=self.interval)
        return to_stored(tick + ((moment - tick) // step + 1) * step)

    def _following_of_cron(self, moment: datetime.datetime) -> datetime.datetime | None:
        for tick in CronSim(self.cron, moment.astimezone(zone_of(self.time_zone))):
            if tick.astimezone(UTC) > moment:  # in an hour that comes twice, cronsim starts with its first occurrence
                return to_stored(tick)
        return None

    def count(self, tick: datetime.datetime | None, now: datetime.datetime, most: int) -> int:
        """Return how many ticks there are from `tick` to `now`, up to `most`."""
        ticks = 0
        while tick is not None and tick <= now and ticks < most:
            ticks, tick = ticks + 1, self.following(tick, tick)
        return ticks

    def is_missed(self, tick: datetime.datetime, now: datetime.datetime) -> bool:
        """Return whether neither `tick` nor a later one is recent enough to run for its own sake."""
        if tick >= now - MISSED_AFTER:
            return False
        latest = self.following(tick, now - MISSED_AFTER)
        return latest is None or latest > now


def zone_of(name: str) -> datetime.tzinfo:
    return zoneinfo.ZoneInfo(name) if name else timezone.get_default_timezone()


def to_stored(moment: datetime.datetime) -> datetime.datetime:
    """Return the moment as the database takes it, with or without USE_TZ."""
    return moment.astimezone(UTC) if settings.USE_TZ else timezone.make_naive(moment)
