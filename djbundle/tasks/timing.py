"""When a schedule is due. All of it is computed in UTC; a time zone only says what the fields of cron mean.

Summer time, as Debian's cron has it: a job at a time of day that is left out runs right after the gap, one at a time
that comes twice runs the first time; a job that runs at least hourly, or at an interval, is not affected.
"""

import datetime
import zoneinfo
from dataclasses import dataclass

from cronsim import CronSim
from django.conf import settings
from django.utils import timezone

UTC = datetime.UTC
GRACE = datetime.timedelta(seconds=60)  # a tick that is later has been missed


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
        """The first tick after `moment`, which is not before `tick`; None for never again."""
        tick, moment = tick.astimezone(UTC), moment.astimezone(UTC)
        if self.cron:
            return self._following_of_cron(moment)
        if self.interval is None:
            return None
        step = datetime.timedelta(seconds=self.interval)
        return to_stored(tick + ((moment - tick) // step + 1) * step)

    def _following_of_cron(self, moment: datetime.datetime) -> datetime.datetime | None:
        for tick in CronSim(self.cron, moment.astimezone(zone_of(self.time_zone))):
            if tick.astimezone(UTC) > moment:  # in an hour that comes twice, cronsim starts with the first one
                return to_stored(tick)
        return None

    def count(self, tick: datetime.datetime | None, now: datetime.datetime, most: int) -> int:
        """How many ticks there are from `tick` to `now`, up to `most`."""
        found = 0
        while tick is not None and tick <= now and found < most:
            found, tick = found + 1, self.following(tick, tick)
        return found

    def is_missed(self, tick: datetime.datetime, now: datetime.datetime) -> bool:
        """Whether neither `tick` nor one since then is recent enough to be run for its own sake."""
        if tick >= now - GRACE:
            return False
        latest = self.following(tick, now - GRACE)
        return latest is None or latest > now


def zone_of(name: str) -> datetime.tzinfo:
    return zoneinfo.ZoneInfo(name) if name else timezone.get_default_timezone()


def to_stored(moment: datetime.datetime) -> datetime.datetime:
    """As the database takes it, with USE_TZ and without."""
    return moment.astimezone(UTC) if settings.USE_TZ else timezone.make_naive(moment)
