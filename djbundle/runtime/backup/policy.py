"""The choices of backups: their frequency, and how many stay.

The options of `serve` read it, so it loads nothing else.
"""

from enum import StrEnum
from typing import NamedTuple


class Frequency(StrEnum):
    """The times at which `serve` makes a backup."""

    HOURLY = "hourly"
    NIGHTLY = "nightly"
    OFF = "off"


class Retention(NamedTuple):
    """The numbers of backups that stay, each the newest of its hour, day or week (UTC)."""

    hourly: int
    daily: int
    weekly: int
