"""Check that no other user can change what a path leads to. OpenSSH checks its files in the same way.

Each folder on the way is checked. A user who may write to a folder may replace any file, folder or symbolic link in it.
"""

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from djbundle.runtime.core.pod_volume import is_pod_volume

MAX_LINKS = 40  # in one path, as in Linux; path_resolution(7)
ACL = "system.posix_acl_access"  # acl(5): the rights of additional users appear as rights of the group


@dataclass(frozen=True, slots=True)
class Weakness:
    """A folder or a symbolic link that another user may change."""

    path: Path
    why: str  # "belongs to shop"
    fix: str


def find_weakness(path: Path, owners: Set[int] | None = None, *, is_parent: bool = False) -> Weakness | None:
    """Return the first weakness on the way to the folder `path`, the folder included; None where there is none.

    `owners` are the users who may own the folders and links on the way; without it, any user may. The check ends at
    the first folder that does not exist. It goes from the top down: no other user may change the part that was already
    checked. With `is_parent`, something will be created in the folder, so the folder itself may be sticky like /tmp. A
    folder on the way may also be an emptyDir of Kubernetes, since nobody but the pod can reach it.
    """
    at, rest, links = Path("/"), [*path.absolute().parts[1:]], 0
    trusted = None if owners is None else {*owners, at.stat().st_uid}  # the owner of "/" controls the machine
    while rest:
        name = rest.pop(0)
        place = at.parent if name == ".." else at / name
        try:
            status = place.lstat()
        except OSError:  # the later use of the path fails with the same error
            return None
        if trusted is not None and status.st_uid not in trusted:
            owner = name_of(status.st_uid)
            return Weakness(place, f"belongs to {owner}", f"chown -h root: {place}  or run this as {owner}")
        if stat.S_ISLNK(status.st_mode):
            links += 1
            target = place.readlink()
            at = Path("/") if target.is_absolute() else at
            rest = [*target.parts[target.is_absolute() :], *rest]
            if links > MAX_LINKS:
                return None
            continue
        is_kept = bool(rest or is_parent) and bool(status.st_mode & stat.S_ISVTX)  # others may add, not replace
        weakness = None if is_kept else _writable_by_others(place, status, trusted)
        if weakness and not (rest and is_pod_volume(place)):
            return weakness
        at = place
    return None


def _writable_by_others(place: Path, status: os.stat_result, trusted: Set[int] | None) -> Weakness | None:
    if status.st_mode & stat.S_IWOTH:
        return Weakness(place, "may be written by everybody", f"chmod o-w {place}")
    if not status.st_mode & stat.S_IWGRP:
        return None
    with contextlib.suppress(OSError):
        os.getxattr(place, ACL)
        return Weakness(place, "may be written by others", f"setfacl -b {place} && chmod g-w {place}")
    others = members_of(status.st_gid) - (trusted or set()) - {0, status.st_uid, os.geteuid()}
    if not others:
        return None
    return Weakness(place, f"may be written by {name_of(min(others))}", f"chmod g-w {place}")


def members_of(gid: int) -> set[int]:
    """Return the users of a group, as far as this machine's user database knows them."""
    users = {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == gid}
    with contextlib.suppress(KeyError):
        for name in grp.getgrgid(gid).gr_mem:
            with contextlib.suppress(KeyError):
                users.add(pwd.getpwnam(name).pw_uid)
    return users


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
