"""Times as users type them, to name the backup of that time: ``yesterday``, ``2026-11-29``, ``2026-11-29T15:30``."""

import datetime
import re
from collections.abc import Iterable

from djbundle.errors import BackupError
from djbundle.runtime.backup import layout

AGO = re.compile(r"(\d{1,4}) ?(m|min|h|d)(?: ago)?")
UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
FIX = "write it as in  yesterday  or  3h  or  2026-11-29  or  2026-11-29T15:30 (UTC)"


def parse_time(text: str, now: datetime.datetime) -> datetime.datetime:
    """Return the moment that is meant. Without a zone it is UTC, as in the list of backups. A day means its end.

    Raise BackupError for a text that names no time.
    """
    if text == "now":
        return now
    if text == "yesterday":
        return now - datetime.timedelta(days=1)
    if match := AGO.fullmatch(text):
        return now - datetime.timedelta(**{UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise BackupError(f'"{text}" is no time', FIX) from None
    if len(text) <= len("2026-11-29"):
        moment += datetime.timedelta(days=1, microseconds=-1)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def newest_before(names: Iterable[str], site: str, moment: datetime.datetime) -> str | None:
    """Return the name of the newest backup of the site that is not younger than `moment`; None if all are."""
    moments = {name: made for name in names if (made := layout.moment_of(name, site)) and made <= moment}
    return max(moments, key=lambda name: moments[name], default=None)
