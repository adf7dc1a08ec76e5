"""The file of a new version: it is copied beside the program, then checked, and only that copy is run.

A user who may write to a file's folder can swap the file between its check and its start. Only root and the site's own
user may write to the program's folder, so the copy there stays what was checked.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from djbundle.contract import variables
from djbundle.errors import UpgradeError
from djbundle.manifest import Manifest
from djbundle.runtime.core.own_files import sync_folder
from djbundle.runtime.handover.signature import Signature
from djbundle.runtime.logs.formats import printable
from djbundle.runtime.process import privileges

COMMAND_TIMEOUT = 120.0  # seconds for each command of the new file
NUMBER = re.compile(r"v?(\d+(?:\.\d+)*)")
COMMIT = re.compile("[0-9a-f]{7,40}")  # a date such as 20261201 too: builds are compared by their own date then
CAPABILITIES = "security.capability"  # extended attribute of a file, see setcap(8)


@dataclass(frozen=True, slots=True)
class Version:
    """The contents of a file: an application, its version, and when it was built."""

    name: str
    version: str
    built: str  # ISO 8601, UTC

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        return cls(manifest.name, manifest.version, manifest.build.date)

    def is_older_than(self, other: "Version") -> bool:
        """Return whether this is older: by version number, or by build date if numbers are missing or equal."""
        own_numbers, other_numbers = numbers_in(self.version), numbers_in(other.version)
        return (
            own_numbers < other_numbers
            if own_numbers and other_numbers and own_numbers != other_numbers
            else self.built < other.built
        )


def numbers_in(version: str) -> list[int]:
    """Return [1, 9, 3] for "1.9.3", and [] for a commit hash, even if it starts with digits or has nothing else."""
    match = NUMBER.match(version)
    if not match or COMMIT.fullmatch(version) or not (version == match[0] or "." in match[0]):
        return []
    numbers = [int(each) for each in match[1].split(".")]
    while numbers[1:] and not numbers[-1]:
        numbers.pop()
    return numbers


@dataclass(frozen=True, slots=True)
class NewVersion:
    """`file` is the copy, `source` the path that the user named."""

    file: Path
    source: Path
    data: Path

    def check(self, running: Version, signature: Signature | None, *, may_be_older: bool) -> Version:
        """Return its version. Raise UpgradeError if it is damaged, of another application, or not to be trusted.

        A file that must be signed is not run before its signature is checked.
        """
        if signature:
            self._check_signature(signature)
        self.run("verify")
        new = self._version()
        if new.name != running.name:
            raise UpgradeError(
                f'{self.source} is "{new.name}", and "{running.name}" serves', "name a file of this site"
            )
        if new.is_older_than(running) and not may_be_older:
            raise UpgradeError(
                f"{self.source} is {new.version} of {new.built}, older than {running.version} of {running.built}",
                "name a newer file, or say that it is meant:  --allow-downgrade",
            )
        return new

    def _version(self) -> Version:
        try:
            versions = json.loads(self.run("version", "--json"))
            return Version(printable(versions["name"]), printable(versions["version"]), printable(versions["built"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UpgradeError(
                f"{self.source} does not say which version it is", "name a file that djbundle has built"
            ) from error

    def _check_signature(self, signature: Signature) -> None:
        try:
            signature.check(self.file)
        except UpgradeError as error:
            cause, fix = (each.replace(str(self.file), str(self.source)) for each in (error.cause, error.fix))
            raise UpgradeError(cause, fix.replace(self.file.name, self.source.name)) from error

    def run(self, *words: str) -> str:
        """Run a command of the new file as the owner of the data, and return its output.

        Raise UpgradeError with its error message if it fails.
        """
        command, environment = [str(self.file), *words], os.environ | {variables.DATA_DIRECTORY: str(self.data)}
        become_owner = functools.partial(privileges.enter, self.data) if os.geteuid() == 0 else None
        try:
            result = subprocess.run(
                command,
                env=environment,
                preexec_fn=become_owner,  # safe: this process has one thread
                capture_output=True,
                text=True,
                errors="replace",
                timeout=COMMAND_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise UpgradeError(
                f"{self.source} does not run: {error}", "build it for this machine, and copy it again"
            ) from error
        if result.returncode:
            raise UpgradeError(f"{self.source} is unusable: {self._cause(result)}", "copy it again, or build it again")
        return result.stdout

    def _cause(self, result: "subprocess.CompletedProcess[str]") -> str:
        cause = (result.stderr.strip().splitlines() or [f"it ends with code {result.returncode}"])[0]
        return printable(cause.removeprefix("error: ").replace(str(self.file), str(self.source)))

    def run_code(self, code: str) -> str:
        """Run Python in the new file, with its settings, and return what it prints. Raise UpgradeError if it fails."""
        return self.run("-c", code)


def open_new(source: Path) -> BinaryIO:
    """Open the file as it is now, so that a later change of its path has no effect. Raise UpgradeError on failure."""
    try:
        opened = os.fdopen(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except FileNotFoundError as error:
        raise UpgradeError(f"there is no file {source}", "name the file of the new version") from error
    except OSError as error:
        raise UpgradeError(f"cannot read {source}: {error.strerror}", "run this as a user who may") from error
    mode = os.fstat(opened.fileno()).st_mode
    if stat.S_ISREG(mode) and mode & 0o111:
        return opened
    opened.close()
    if stat.S_ISREG(mode):
        raise UpgradeError(f"{source} may not be executed", f"chmod +x {source}")
    raise UpgradeError(f"there is no file {source}", "name the file of the new version")


@contextlib.contextmanager
def copied_beside(program: Path, new: BinaryIO, source: Path, data: Path) -> Iterator[NewVersion]:
    """Yield the copy, with the mode of `program`. Delete it after the block, unless it has replaced the program."""
    copy = program.with_name(f".{program.name}.next")
    try:
        try:
            copy.unlink(missing_ok=True)  # left by a command that was killed
            _copy(new, copy, program)
        except OSError as error:
            raise cannot_replace(program, error) from error
        yield NewVersion(copy, source, data)
    finally:
        with contextlib.suppress(OSError):
            copy.unlink(missing_ok=True)


def _copy(new: BinaryIO, to: Path, program: Path) -> None:
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o700)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
        shutil.copyfileobj(new, file, 1 << 20)
        os.fchmod(descriptor, stat.S_IMODE(program.stat().st_mode) & 0o755)
        file.flush()
        os.fsync(descriptor)


@contextlib.contextmanager
def in_place(new: NewVersion, program: Path, previous: Path) -> Iterator[None]:
    """Replace the running file by `new`. Keep the old file as `previous`, or put it back if the block fails.

    If the block is interrupted, the new file stays: the handover goes on, though nobody waits for it.
    """
    old = program.with_name(f".{program.name}.last")
    try:
        keep_capabilities(program, new.file)
        old.unlink(missing_ok=True)
        old.hardlink_to(program)
        new.file.replace(program)
    except OSError as error:
        raise cannot_replace(program, error) from error
    try:
        yield
    except KeyboardInterrupt:
        old.replace(previous)
        raise
    except BaseException:
        old.replace(program)
        raise
    old.replace(previous)
    sync_folder(program.parent)


def keep_capabilities(program: Path, new: Path) -> None:
    """Copy the file capabilities: root granted the right to bind ports below 1024 to the program at this path."""
    with contextlib.suppress(OSError):  # there are none, or only root may set them
        os.setxattr(new, CAPABILITIES, os.getxattr(program, CAPABILITIES))


def cannot_replace(program: Path, error: OSError) -> UpgradeError:
    return UpgradeError(
        f"cannot put the new file in place of {program}: {error.strerror}", "run this as a user who may, or make room"
    )
