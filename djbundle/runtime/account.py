"""``--user``: the rights of root to open sockets, and of nobody but this user afterwards."""

import ctypes
import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from djbundle.errors import AccountError

PR_SET_DUMPABLE = 4  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def find_account(name: str) -> Account:
    """Of this machine's /etc/passwd; ``NAME`` or ``UID``. Raises AccountError."""
    if os.geteuid() != 0:
        raise AccountError(f"only root can become {name}", "start it as that user, without  --user")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError as error:
        raise AccountError(f"there is no user {name}", f"make it:  useradd --system {name}") from error
    groups = (each.gr_gid for each in grp.getgrall() if entry.pw_name in each.gr_mem)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple({entry.pw_gid, *groups}), entry.pw_dir)


def check_owner(folder: Path, account: Account) -> None:
    """Raises AccountError for a data directory that is in use and belongs to somebody else."""
    if folder.stat().st_uid != account.uid and any(folder.iterdir()):
        raise AccountError(
            f"the data directory {folder} does not belong to {account.name}",
            f"give it over:  chown -R {account.name}: {folder}",
        )


def give(folder: Path, file: int, account: Account) -> None:
    """A data directory, and the open file that is the first in it."""
    os.chown(folder, account.uid, account.gid)
    os.fchown(file, account.uid, account.gid)


def become(account: Account) -> None:
    """For good: the rights of root do not come back."""
    os.setgroups(account.groups)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    # The kernel hides /proc/self of one that has changed its user, where the bundle's own files are found.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)
    os.environ["HOME"], os.environ["USER"] = account.home, account.name
