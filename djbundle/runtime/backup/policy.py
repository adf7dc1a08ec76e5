"""The options of backups: how often `serve` makes one, and how many are kept.

The option parser of `serve` imports this module, so it imports nothing else.
"""

from enum import StrEnum
from typing import NamedTuple


class Frequency(StrEnum):
    """The frequency at which `serve` makes backups."""

    HOURLY = "hourly"
    NIGHTLY = "nightly"
    OFF = "off"


class Retention(NamedTuple):
    """The numbers of backups that are kept, each the newest of its hour, day or week (UTC)."""

    hourly: int
    daily: int
    weekly: int


class BackupPolicy(NamedTuple):
    """The choices of `serve` about backups."""

    frequency: Frequency
    retention: Retention
    copy_to: str | None = None  # the URL of a store
    recipients: tuple[str, ...] = ()  # public keys of age; none: backups are not encrypted
    is_proved: bool = True  # each night, one is restored beside the site
