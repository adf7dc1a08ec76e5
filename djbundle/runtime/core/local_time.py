"""Give libc the rule of the site's time zone where the machine has no time zones, as in an empty container.

Django names the zone in the variable TZ, and calls `time.tzset`. libc then looks for the zone's file on this machine,
and takes UTC if it finds none: ``datetime.now()``, log lines, and with ``USE_TZ = False`` each stored time would be
wrong. A zone's file ends with its rule in the form of POSIX, which libc understands without a file.
"""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

SYSTEM = "/usr/share/zoneinfo"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)*")


def find_zones(folder: Path) -> None:
    """Make `time.tzset` find the zones in `folder`. Call it before the settings are read."""
    if not getattr(time.tzset, "is_of_bundle", False):
        time.tzset = _with_zones(time.tzset, folder)


def _with_zones(tzset: Callable[[], None], folder: Path) -> Callable[[], None]:
    def tzset_with_zones() -> None:
        name = os.environ.get("TZ", "")
        rule = rule_of(name, folder) if name and not _is_on_machine(name) else None
        if rule is None:
            tzset()
            return
        os.putenv("TZ", rule)  # not os.environ: the site goes on reading the name there
        tzset()

    tzset_with_zones.is_of_bundle = True  # type: ignore[attr-defined]
    return tzset_with_zones


def rule_of(name: str, folder: Path) -> str | None:
    """Return the rule of a zone, such as ``EST5EDT,M3.2.0,M11.1.0``; None if `folder` has no such zone."""
    if not NAME.fullmatch(name):
        return None
    file = folder / name
    data = file.read_bytes() if file.is_file() else b""
    footer = data.rstrip(b"\n").rpartition(b"\n")[2] if data.startswith(b"TZif") else b""
    return footer.decode("ascii") or None


def _is_on_machine(name: str) -> bool:
    return Path(os.environ.get("TZDIR", SYSTEM), name).is_file()
