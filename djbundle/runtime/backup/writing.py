"""Writes a backup.

The file gets its name when it is complete and on the disk. So a name never belongs to an incomplete backup.
"""

import contextlib
import datetime
import hashlib
import io
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from djbundle.common import zstd
from djbundle.contract.layout import BACKUPS
from djbundle.errors import BackupError
from djbundle.runtime.backup import checksum, layout
from djbundle.runtime.backup.contents import SECRET_FILES, Contents
from djbundle.runtime.backup.layout import Facts
from djbundle.runtime.backup.snapshot import open_snapshot
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.hold import own_origin
from djbundle.runtime.core.own_files import open_own, sync_folder
from djbundle.runtime.database.filesystem import existing_part

LEVEL = 1  # of zstd; level 3 takes 2.5 times as long for a database, and is not smaller (ci/bench/run backup)
PARTIAL = ".partial-"
BLOCK = 1 << 20  # bytes
FREE, MOST_FREE = 0.1, 2 << 30  # share of the disk that stays free, and most bytes
DAY = 24 * 3600


class WrittenBackup(NamedTuple):
    path: Path
    plain: Path  # the backup without encryption; it is `path` itself, or goes at the end


def write_backup(bundle: Bundle, contents: Contents, folder: Path, recipients: Sequence[str] = ()) -> Path:
    """Write a backup of the site into `folder`, and return its path. Raise BackupError; then nothing is left behind."""
    with written(bundle, contents, folder, recipients) as backup:
        return backup.path


@contextlib.contextmanager
def written(
    bundle: Bundle, contents: Contents, folder: Path, recipients: Sequence[str] = ()
) -> Iterator[WrittenBackup]:
    """Write a backup, encrypted if there are recipients. What is not encrypted is then removed after the block.

    It never leaves the data directory, since `folder` may be on another machine.
    """
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    with contextlib.ExitStack() as stack:
        with _errors():
            work = _work_folder(stack, folder)
            target = folder / layout.file_name(bundle.manifest.name, now, is_encrypted=bool(recipients))
            private = _work_folder(stack, bundle.data / BACKUPS) if recipients else work
            plain = private / layout.file_name(bundle.manifest.name, now)
            with open(plain, "xb", opener=open_own) as file:
                _write(bundle, contents, facts_of(bundle, contents, now), file, private)
                if not recipients:
                    os.fsync(file.fileno())
            _publish(_encrypt(plain, work / target.name, recipients) if recipients else plain, target)
        yield WrittenBackup(target, plain if recipients else target)


def _work_folder(stack: contextlib.ExitStack, folder: Path) -> Path:
    """Return a new folder for incomplete files in `folder`, which is removed at the end."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_leftovers(folder)
    temporary = tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder, ignore_cleanup_errors=True)
    return Path(stack.enter_context(temporary))


def _encrypt(plain: Path, target: Path, recipients: Sequence[str]) -> Path:
    """Write the encrypted backup, and its checksum beside it."""
    from djbundle.runtime.backup import encryption  # noqa: PLC0415 - few backups need it

    with plain.open("rb") as source, open(target, "xb", opener=open_own) as file:
        digest = encryption.encrypt(source, file, recipients)
    checksum.write_checksum(target, digest)
    return target


def _publish(ready: Path, target: Path) -> None:
    """Give a complete backup its name, and its checksum before that."""
    if layout.is_encrypted(ready):
        checksum.file_of(ready).rename(checksum.file_of(target))
    try:
        ready.rename(target)
    except OSError:
        checksum.file_of(target).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        raise BackupError(
            f"the backup was not written: {error}",
            "make room, or correct the cause, and try again; the older backups are still there",
        ) from error


def remove_leftovers(folder: Path) -> None:
    """Remove the incomplete files of killed backups."""
    for each in folder.glob(f"{PARTIAL}*"):
        if each.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(each, ignore_errors=True)
    for each in folder.glob(f"*{layout.ENCRYPTED_SUFFIX}{checksum.SUFFIX}"):
        if not each.with_name(each.name.removesuffix(checksum.SUFFIX)).exists():
            each.unlink(missing_ok=True)


def check_room(contents: Contents, folder: Path, *, copies: int = 1) -> None:
    """Raise BackupError if uncompressed backups would leave less than a tenth of the disk free, or less than 2 GB."""
    size = size_of(contents) * copies
    usage = shutil.disk_usage(existing_part(folder))
    if usage.free - size < kept_free(usage.total):
        raise BackupError(
            f"there is too little room for a backup: {size >> 20} MB to copy, {usage.free >> 20} MB free",
            "make room, write it elsewhere by  backup FOLDER, or serve with  --backups off",
        )


def kept_free(total: int) -> float:
    """Return how many bytes of a disk stay free."""
    return min(total * FREE, MOST_FREE)


def size_of(contents: Contents) -> int:
    """Return the size of the databases and the uploads in bytes."""
    sizes = [os.path.getsize(name) for name in contents.databases.values() if os.path.exists(name)]  # noqa: PTH110, PTH202
    for root, _, names in os.walk(contents.media) if contents.media else ():
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                sizes.append(os.lstat(os.path.join(root, name)).st_size)  # noqa: PTH118
    return sum(sizes)


def facts_of(bundle: Bundle, contents: Contents, moment: datetime.datetime) -> Facts:
    return Facts(
        site=bundle.manifest.name,
        version=bundle.manifest.version,
        commit=bundle.manifest.build.git_commit,
        created=moment.isoformat().replace("+00:00", "Z"),
        databases=sorted(contents.databases),
        servers=sorted(contents.servers),
        has_media=bool(contents.media),
        origin=own_origin(bundle.data),
    )


def _write(bundle: Bundle, contents: Contents, facts: Facts, file: BinaryIO, work: Path) -> None:
    with zstd.open_writer(file, LEVEL) as stream, Archive.open(stream) as archive:
        archive.add_text(layout.ABOUT, facts.to_json())
        for alias, name in contents.databases.items():
            database = Path(name)
            if not database.exists():
                continue
            with open_snapshot(database, work) as parts:
                for part in parts:
                    archive.add(f"{layout.database_member(alias)}{part.suffix}", part.file, part.size)
        # After the databases: an upload is stored before the row that names it.
        for path, member in _files(bundle, contents):
            archive.add_file(member, path)
        archive.add_sums()


def _files(bundle: Bundle, contents: Contents) -> Iterator[tuple[Path, str]]:
    """Yield the files besides the databases, each with its name in the archive."""
    for name in SECRET_FILES:
        yield bundle.data / name, f"{layout.DATA}/{name}"
    if contents.media:
        root = Path(contents.media)
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                yield path, str(Path(layout.MEDIA, path.relative_to(root)))


class Archive:
    """A tar archive that records the hash of each file."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._sums: list[str] = []

    @classmethod
    @contextlib.contextmanager
    def open(cls, stream: BinaryIO) -> Iterator["Archive"]:
        with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=BLOCK) as tar:
            tar.copybufsize = BLOCK  # type: ignore[attr-defined]  # its own 16 KB take a fifth of the time
            yield cls(tar)

    def add(self, name: str, file: BinaryIO, size: int, modified: float = 0) -> None:
        """Add the first `size` bytes of a file. Raise OSError if it has fewer."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(modified)
        reader = HashingReader(file)
        self._tar.addfile(info, reader)
        self._sums.append(f"{reader.hash.hexdigest()}  {name}\n")

    def add_text(self, name: str, text: str) -> None:
        data = text.encode()
        self.add(name, io.BytesIO(data), len(data))

    def add_file(self, name: str, path: Path) -> None:
        """Add a regular file. Skip links, pipes and other special files, and files that were deleted meanwhile."""
        if path.is_symlink():
            return
        with contextlib.suppress(FileNotFoundError), open(path, "rb", opener=_without_following) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                self.add(name, file, status.st_size, status.st_mtime)

    def add_sums(self) -> None:
        self.add_text(layout.SUMS, "".join(self._sums))


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


class HashingReader(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.hash.update(data)
        return data
