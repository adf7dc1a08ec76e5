"""The files of TLS in the data directory, readable only by its owner.

tls/account-HASH.pem    the key of our account with the authority of that URL
tls/SOURCE-NAME.pem     key and chain of the site, in one file, so that they are replaced together
tls/ordered-HASH        when the authority was last asked for a certificate, in seconds since 1970
tls/authority.pem       the key of --tls internal; root.pem is its certificate, for clients to trust
tls/challenges/TOKEN    the answer to a challenge of the authority

No symbolic link is followed. No file is ever half-written: a new one replaces the old one as a whole.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from djbundle.errors import DataDirectoryError
from djbundle.runtime.options.tls import TlsOptions

FOLDER = "tls"
CHALLENGES = "challenges"
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}")
DAY = 24 * 3600  # seconds; what is unfinished after that is abandoned
MAX_FILE_SIZE = 1 << 20  # bytes
NO_FOLDER = (errno.ELOOP, errno.ENOTDIR)  # errors of open() for a link, or a file, in place of a folder


class Store:
    """The folder ``tls`` of one data directory."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER

    def create(self) -> None:
        """Create the folders. Raise DataDirectoryError if something else is in their place."""
        for folder in (self.folder, self.folder / CHALLENGES):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _opened(folder) as descriptor:
                os.fchmod(descriptor, 0o700)

    def certificate_name(self, options: TlsOptions) -> str:
        """Return the name of the file in which key and chain are, or will be."""
        if options.source == "acme":
            # Each authority has its own file: a test certificate must not stay in use when the authority is changed.
            return f"{short(options.directory)}-{options.domains[0]}.pem"
        return "internal.pem"

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none, or a link in its place."""
        return _read(self.folder, name)

    def write(self, name: str, content: bytes) -> None:
        """Write a file as a whole or not at all, even if the power fails."""
        _write(self.folder, name, content)

    def put_aside(self, name: str) -> None:
        """Rename a damaged file, so that its owner can look at it."""
        with _opened(self.folder) as folder:
            aside = str(Path(name).with_suffix(".damaged"))
            os.replace(name, aside, src_dir_fd=folder, dst_dir_fd=folder)

    def publish(self, token: str, content: str) -> None:
        """Publish the answer to a challenge."""
        if not TOKEN.fullmatch(token):
            raise ValueError("not a token")
        _write(self.folder / CHALLENGES, token, content.encode())

    def challenge(self, token: str) -> bytes | None:
        return _read(self.folder / CHALLENGES, token) if TOKEN.fullmatch(token) else None

    def clean(self) -> None:
        """Remove old challenges, and files that a killed process has left half-written.

        Only those older than a day: during a takeover, the other version may still wait for an answer.
        """
        for folder, is_left in ((CHALLENGES, TOKEN.fullmatch), ("", re.compile(r"\..+\.[0-9a-f]{16}").fullmatch)):
            for path in (self.folder / folder).iterdir():
                status = path.lstat()
                if is_left(path.name) and stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > DAY:
                    path.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open a folder that is not a symbolic link; yield its descriptor."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in NO_FOLDER:
            raise DataDirectoryError(
                f"{folder} is not a folder, or a symbolic link", "put the folder itself there"
            ) from error
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(folder: Path, name: str) -> bytes | None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not block us
    try:
        with _opened(folder) as parent:
            descriptor = os.open(name, flags, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_FILE_SIZE)


def _write(folder: Path, name: str, content: bytes) -> None:
    new = f".{name[:200]}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _opened(folder) as parent:
        try:
            with os.fdopen(os.open(new, flags, 0o600, dir_fd=parent), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(new, dir_fd=parent)
            raise
        os.fsync(parent)


def short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
