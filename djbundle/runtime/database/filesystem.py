"""The file system that a path lies on. SQLite's locks are not safe on one that other machines share."""

from pathlib import Path

from djbundle.errors import NetworkFileSystemError

MOUNTS = Path("/proc/self/mountinfo")
NETWORK_TYPES = frozenset(
    (
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "9p",
            "afs",
            "ceph",
            "gfs2",
            "glusterfs",
            "lustre",
            "ocfs2",
            "beegfs",
        ),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.cephfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.juicefs"),
    )
)


def existing_part(path: Path) -> Path:
    """Return the path, or the first folder above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def file_system_of(path: Path, mounts: str) -> str:
    """Return the type of the file system of `path`, "" if unknown. `mounts` is the text of mountinfo, see proc(5)."""
    target, best, kind = path.resolve(), -1, ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = Path(fields.split()[4].encode().decode("unicode_escape"))
        if (point == target or point in target.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), rest.split()[0]
    return kind


def refuse_network(path: Path, mounts: Path = MOUNTS) -> None:
    """Raise NetworkFileSystemError if a SQLite file at `path` would lie on a network file system."""
    kind = file_system_of(path, mounts.read_text())
    if kind in NETWORK_TYPES:
        raise NetworkFileSystemError(
            f"the SQLite file {path} lies on a network file system ({kind}), where it can be corrupted",
            "choose a local disk with --data-dir DIR, or use PostgreSQL",
        )
