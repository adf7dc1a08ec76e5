"""Makes SQLite usable in a process that was forked while other threads used SQLite.

SQLite has a few locks for the whole process, such as that of its memory. A thread that holds one of them does not exist
in a forked process, so it would never be released there, and the first query would hang. So a thread that forks takes
these locks first: then no other thread holds them.
"""

import ctypes
import os
import sys

# Numbers in sqlite3.h: SQLITE_MUTEX_STATIC_MAIN, VFS1, VFS2, VFS3, OPEN, LRU, PMEM, PRNG, MEM. SQLite takes a later one
# of these while it holds an earlier one, never the other way around.
LOCKS = (2, 11, 12, 13, 4, 6, 7, 5, 3)


def make_forks_safe() -> None:
    """Take SQLite's own locks around each fork of this process. Do nothing if SQLite is not loaded."""
    library = _library()
    if library is None:
        return
    library.sqlite3_mutex_alloc.restype = ctypes.c_void_p
    locks = [ctypes.c_void_p(library.sqlite3_mutex_alloc(number)) for number in LOCKS]

    def take() -> None:
        for lock in locks:
            library.sqlite3_mutex_enter(lock)

    def release() -> None:
        for lock in reversed(locks):
            library.sqlite3_mutex_leave(lock)

    os.register_at_fork(before=take, after_in_parent=release, after_in_child=release)


def _library() -> ctypes.CDLL | None:
    """Return what Python's module of SQLite was linked with, or is part of."""
    if (module := sys.modules.get("_sqlite3")) is None:
        return None
    try:
        library = ctypes.CDLL(getattr(module, "__file__", None))
    except OSError:
        return None
    return library if hasattr(library, "sqlite3_mutex_alloc") else None
