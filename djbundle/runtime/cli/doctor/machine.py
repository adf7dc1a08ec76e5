"""The machine: room on its disk, its clock, its kernel, and how many files a process may open. Needs no Django."""

import ctypes
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path

from djbundle.runtime.cli.doctor.findings import Finding, Level
from djbundle.runtime.database.filesystem import existing_part

MIN_ROOM = 100 << 20  # bytes; SQLite's log and a backup need some
LOW_ROOM = 1 << 30  # bytes
LOW_SHARE = 0.05  # of the disk or of its inodes
MIN_KERNEL = (4, 18)
GVISOR = "#1 SMP Sun Jan 10 15:06:54 PST 2016"  # its `uname -v`, whatever release it plays
LOW_FILES = 4096  # descriptors of one process; a connection takes up to two
TIMEX_SIZE = 512  # bytes, more than struct timex has on any machine (adjtimex(2))
CLOCK_UNSYNCHRONIZED = 5  # TIME_ERROR in adjtimex(2)
GIGABYTE = 1_000_000_000


def check_machine(data: Path) -> Iterator[Finding]:
    """Yield what there is to say of the machine. `data` is the data directory, which need not exist yet."""
    yield from check_room(existing_part(data))
    yield check_clock()
    yield check_files()
    yield check_kernel(os.uname())


def trouble_at_start(data: Path) -> Iterator[str]:
    """Yield what `serve` writes to its log when it starts: the findings that take no time and are no good news."""
    for each in (*check_room(existing_part(data)), check_files(), check_kernel(os.uname())):
        if each.level is not Level.OK:
            yield f"{each.name}: {each.text}; fix: {each.fix}"


def check_room(folder: Path) -> Iterator[Finding]:
    disk = os.statvfs(folder)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    text = f"{free / GIGABYTE:.1f} of {total / GIGABYTE:.1f} GB are free for {folder}"
    fix = "remove what is not needed, or take a larger disk"
    if free < MIN_ROOM:
        yield Finding.error("room", text, fix)
    elif free < LOW_ROOM and free < LOW_SHARE * total:
        yield Finding.warning("room", text, fix)
    else:
        yield Finding.ok("room", text)
    if disk.f_files and disk.f_favail < LOW_SHARE * disk.f_files:  # some file systems have no fixed number: 0
        text = f"{disk.f_favail:,} of {disk.f_files:,} inodes are free for {folder}"
        yield Finding.warning("inodes", text, "remove folders of many small files, such as old sessions and caches")


def check_clock() -> Finding:
    """Ask the kernel whether something keeps the clock right. Sessions, certificates and schedules go by it."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_SIZE))
    if state == CLOCK_UNSYNCHRONIZED:
        return Finding.warning("clock", "nothing keeps the clock right", "timedatectl set-ntp true")
    return Finding.ok("clock", "is kept right" if state >= 0 else "cannot be looked at in this sandbox")


def check_files() -> Finding:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return Finding.ok("files", "a process may open any number of files")
    text = f"a process may open {hard:,} files"
    if hard < LOW_FILES:
        return Finding.warning("files", text, "LimitNOFILE=65536 in the service, or  ulimit -n 65536")
    return Finding.ok("files", text)


def check_kernel(uname: os.uname_result) -> Finding:
    if uname.version == GVISOR:
        return Finding.ok("kernel", "gVisor")
    version = tuple(map(int, re.findall(r"\d+", uname.release)[:2]))
    if version < MIN_KERNEL:
        return Finding.error("kernel", f"Linux {uname.release} was never tried", "update to 4.18 or newer")
    return Finding.ok("kernel", f"Linux {uname.release}")
