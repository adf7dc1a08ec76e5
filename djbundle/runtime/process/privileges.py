"""Decides with which user's rights a command runs. Root opens sockets, and touches no file of another user.

The owner of a folder can replace any file in it by a symbolic link. So a command that root runs on another user's data
directory becomes that user first, and stays that user.
"""

import contextlib
import ctypes
import grp
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.errors import AccountError, DataDirectoryError
from djbundle.runtime.core.data_directory import OPTION, create_data_directory
from djbundle.runtime.core.safe_path import find_weakness, name_of
from djbundle.runtime.process import private_state

PR_SET_DUMPABLE = 4  # linux/prctl.h
IGNORED_ENTRIES = ("lost+found",)  # what file systems create in their root folder
XDG_VARIABLES = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def find_account(name: str) -> Account:
    """Return the account ``NAME`` or ``UID`` of this machine's /etc/passwd. Raise AccountError if it is unknown."""
    if os.geteuid() != 0:
        raise AccountError(f"only root can become {name}", "start it as that user, without  --user")
    try:
        return _account_of(pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name))
    except KeyError as error:
        raise AccountError(f"there is no user {name}", f"make it:  useradd --system {name}") from error


def _account_of(entry: pwd.struct_passwd) -> Account:
    groups = (each.gr_gid for each in grp.getgrall() if entry.pw_name in each.gr_mem)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple({entry.pw_gid, *groups}), entry.pw_dir)


def owner_of(folder: Path) -> Account | None:
    """Return the owner of a folder, also one unknown to this machine; None for root, and if there is no folder."""
    try:
        status = folder.stat()
    except OSError:
        return None
    if status.st_uid == 0:
        return None
    try:
        return _account_of(pwd.getpwuid(status.st_uid))
    except KeyError:
        return Account(str(status.st_uid), status.st_uid, status.st_gid, (status.st_gid,), str(folder))


# --- the data directory ---


def enter(data: Path) -> None:
    """Make sure that no other user can write to the data directory; as root, become its owner for good.

    Every command that reads or writes data calls this first. Raise DataDirectoryError or AccountError.
    """
    owner = owner_of(data) if os.geteuid() == 0 else None
    check_path(data, owner)
    if owner:
        become(owner, data)
        check_content(data, owner)


def check_path(data: Path, owner: Account | None = None) -> None:
    """Raise DataDirectoryError if other users may write to the data directory, or put another in its place.

    Root passes only through folders of root and of `owner`.
    """
    owners = {0, owner.uid if owner else 0} if os.geteuid() == 0 else None
    if weakness := find_weakness(data, owners):
        unsafe = "it" if weakness.path == data else str(weakness.path)
        raise DataDirectoryError(
            f"the data directory {data} is not safe: {unsafe} {weakness.why}",
            f"{weakness.fix}  or choose another:  {OPTION} DIR",
        )


def check_content(data: Path, owner: Account) -> None:
    """Raise AccountError if another user owns an entry of the data directory, which an old version may have left."""
    with os.scandir(data) as entries:
        for entry in entries:
            uid = entry.stat(follow_symlinks=False).st_uid
            if uid != owner.uid and entry.name not in IGNORED_ENTRIES:
                raise _foreign(f"{entry.path} belongs to {name_of(uid)}, and {data} to {owner.name}", data, owner)


def prepare_data_directory(data: Path, account: Account) -> None:
    """Create it for ``--user``, or hand over an empty one of root's. Raise AccountError if another user owns it."""
    if not data.exists():
        _make(data, account)
        return
    uid = data.stat().st_uid
    if uid == 0 and not any(data.iterdir()):
        check_path(data)
        _hand_over(data, account)
    elif uid != account.uid:
        raise _foreign(f"the data directory {data} does not belong to {account.name}", data, account)


def _make(data: Path, account: Account) -> None:
    check_path(data, account)
    if find_weakness(data.parent, {0}, is_parent=True):  # it is below a folder of the user's
        with acting_as(account):
            create_data_directory(data)
        return
    with with_umask(0o022):  # the user must be able to pass through its parents
        data.parent.mkdir(parents=True, exist_ok=True)
    create_data_directory(data)
    _hand_over(data, account)


def _hand_over(folder: Path, account: Account) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchown(descriptor, account.uid, account.gid)
    finally:
        os.close(descriptor)


def _foreign(cause: str, data: Path, account: Account) -> AccountError:
    return AccountError(cause, f"give it over:  chown -Rh {account.name}: {data}")


# --- the rights of this process ---


def become(account: Account, data: Path) -> None:
    """Become `account` for good: root's rights do not come back. Raise AccountError if the kernel refuses."""
    try:
        if private_state.is_private(data):
            private_state.show_to_owner(data)
        os.setgroups(account.groups)
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    except OSError as error:
        raise _cannot_become(account, error) from error
    _stay_visible()
    os.environ["HOME"] = account.home
    os.environ["USER"] = os.environ["LOGNAME"] = account.name
    for name in XDG_VARIABLES:
        os.environ.pop(name, None)


@contextlib.contextmanager
def acting_as(account: Account) -> Iterator[None]:
    """Access files with only the rights of `account`, while sockets are still to be opened as root."""
    groups, gid = os.getgroups(), os.getegid()
    try:
        os.setgroups(account.groups)
        os.setegid(account.gid)
        os.seteuid(account.uid)
    except OSError as error:
        raise _cannot_become(account, error) from error
    _stay_visible()
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)
        _stay_visible()


def acting_as_owner(data: Path) -> contextlib.AbstractContextManager[None]:
    """Access files with only the rights of the owner of the data, where root keeps its rights for something else."""
    owner = owner_of(data) if os.geteuid() == 0 else None
    return acting_as(owner) if owner else contextlib.nullcontext()


@contextlib.contextmanager
def with_umask(mask: int) -> Iterator[None]:
    """Run the block with this umask(2), which all threads share."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _cannot_become(account: Account, error: OSError) -> AccountError:
    return AccountError(
        f"the data belong to {account.name}, who this process cannot become: {error.strerror}",
        f"run it as {account.name}, or as root with all rights",
    )


def _stay_visible() -> None:
    """Keep /proc/self readable, where the bundle finds its own files. The kernel hides it after a change of user."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)
