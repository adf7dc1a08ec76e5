"""The tasks. `note` is the no-op: it tells the benchmark that and when it began, which takes microseconds."""

import functools
import os
import struct
import time

from django.conf import settings

ENTRY = struct.Struct("=qd")  # the number of the task, the monotonic clock


@functools.cache
def _notes(_process: int) -> int:
    return os.open("notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


@settings.PEER.task
def note(value):
    os.write(_notes(os.getpid()), ENTRY.pack(value, time.monotonic()))


@settings.PEER.task
def burn(value):
    """Keep the CPU busy for `value` milliseconds."""
    end = time.monotonic() + value / 1000
    while time.monotonic() < end:
        sum(range(1000))


@settings.PEER.task
def sleep(value):
    """Wait `value` milliseconds."""
    time.sleep(value / 1000)
