"""The backups that are kept: the newest of each of the last hours, days and weeks."""

import datetime
from collections.abc import Callable, Iterable
from pathlib import Path

from djbundle.contract.layout import BACKUPS
from djbundle.runtime.backup import checksum, layout
from djbundle.runtime.backup.policy import Retention


def list_backups(folder: Path, site: str) -> list[Path]:
    """Return the backups of a site in a folder, the newest first."""
    times = {path: layout.moment_of(path.name, site) for path in folder.glob(f"*{layout.SUFFIX}*")}
    moments = {path: moment for path, moment in times.items() if moment}
    return sorted(moments, key=lambda path: moments[path], reverse=True)


def last_backup(data: Path, site: str) -> datetime.datetime | None:
    """Return the time of the newest backup in the data directory; None if there is none."""
    newest = next(iter(list_backups(data / BACKUPS, site)), None)
    return layout.moment_of(newest.name, site) if newest else None


def expired(moments: Iterable[datetime.datetime], keep: Retention) -> list[datetime.datetime]:
    """Return the times of the backups to remove. The newest backup is always kept."""
    newest_first = sorted(moments, reverse=True)
    kept = set(newest_first[:1])
    periods: tuple[tuple[int, Callable[[datetime.datetime], object]], ...] = (
        (keep.hourly, lambda moment: (moment.date(), moment.hour)),
        (keep.daily, lambda moment: moment.date()),
        (keep.weekly, lambda moment: moment.isocalendar()[:2]),
    )
    for count, period in periods:
        newest: dict[object, datetime.datetime] = {}
        for moment in newest_first:
            newest.setdefault(period(moment), moment)
        kept |= set([*newest.values()][:count])
    return [moment for moment in newest_first if moment not in kept]


def expired_names(names: Iterable[str], site: str, keep: Retention) -> list[str]:
    """Return the names of the backups of a site to remove."""
    moments = {name: moment for name in names if (moment := layout.moment_of(name, site))}
    not_kept = set(expired(set(moments.values()), keep))
    return [name for name, moment in moments.items() if moment in not_kept]


def remove_expired(folder: Path, site: str, keep: Retention) -> list[Path]:
    """Remove the backups that are not kept, and return their paths."""
    names = [path.name for path in list_backups(folder, site)]
    removed = [folder / name for name in expired_names(names, site, keep)]
    for path in removed:
        path.unlink(missing_ok=True)
        checksum.file_of(path).unlink(missing_ok=True)
    return removed
