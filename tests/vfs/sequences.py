"""Makes calls one after the other, as they are read from standard input, in a bundle and on disk.

Run as ``PYTHON sequences.py ROOT SCRATCH``. A line is a JSON list of calls, each a list of its name and arguments. The
results are printed as one line. Working folder and open descriptors last from call to call, but not to the next line.
"ROOT" in a path stands for the name of the root.
"""

import json
import os
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.vfs.calls import ROOT, answer, digest, facts, scan, shown
else:
    from calls import ROOT, answer, digest, facts, scan, shown

READ = 100  # bytes
# No listing shows the virtual root, nor where its copy is.
ROOTS = {"djb", *(f"dj{worker}" for worker in "r0123456789")}


class Sequence:
    """The calls that a line can make."""

    def __init__(self) -> None:
        os.chdir("/")
        self.descriptors: list[int] = []

    def at(self, number: int) -> int:
        return self.descriptors[number % len(self.descriptors)] if self.descriptors else -1

    def close_all(self) -> None:
        for descriptor in self.descriptors:
            answer(partial(os.close, descriptor))

    # --- by path ---

    def stat(self, path: str) -> Any:
        return facts(os.stat(path))

    def lstat(self, path: str) -> Any:
        return facts(os.lstat(path))

    def access(self, path: str, mode: int) -> bool:
        return os.access(path, mode)

    def list_folder(self, path: str) -> list[str]:
        return sorted(set(os.listdir(path)) - ROOTS)

    def scan(self, path: str) -> Any:
        return [entry for entry in scan(path) if entry[0] not in ROOTS]

    def readlink(self, path: str) -> str:
        return shown(os.readlink(path))

    def realpath(self, path: str) -> str:
        return shown(os.path.realpath(path, strict=True))

    def read(self, path: str) -> str:
        return str(digest(Path(path).read_bytes()))

    def chdir(self, path: str) -> None:
        os.chdir(path)

    def getcwd(self) -> str:
        return shown(os.getcwd())

    def open(self, path: str, flags: int) -> None:
        self.descriptors.append(os.open(path, flags))

    # --- by descriptor ---

    def fstat(self, number: int) -> Any:
        return facts(os.fstat(self.at(number)))

    def fchdir(self, number: int) -> None:
        os.fchdir(self.at(number))

    def list_open(self, number: int) -> list[str]:
        return sorted(set(os.listdir(self.at(number))) - ROOTS)

    def unless_folder(self, number: int, read: Callable[[int], bytes]) -> str:
        """Skip the one known difference, described in vfs.h: a disk answers EISDIR, the VFS returns no bytes."""
        is_folder = stat.S_ISDIR(os.fstat(self.at(number)).st_mode)
        return "folder" if is_folder else str(digest(read(self.at(number))))

    def fread(self, number: int, offset: int) -> str:
        return self.unless_folder(number, lambda descriptor: os.pread(descriptor, READ, offset))

    def next(self, number: int) -> str:
        return self.unless_folder(number, lambda descriptor: os.read(descriptor, READ))

    def dup(self, number: int) -> None:
        self.descriptors.append(os.dup(self.at(number)))

    def close(self, number: int) -> None:
        descriptor = self.at(number)
        if descriptor >= 0:
            self.descriptors.remove(descriptor)
        os.close(descriptor)

    def stat_at(self, number: int, path: str) -> Any:
        return facts(os.stat(path, dir_fd=self.at(number)))

    def open_at(self, number: int, path: str, flags: int) -> None:
        self.descriptors.append(os.open(path, flags, dir_fd=self.at(number)))

    def readlink_at(self, number: int, path: str) -> str:
        return shown(os.readlink(path, dir_fd=self.at(number)))

    # --- that would change something: the test gives only paths below the root ---

    def mkdir(self, path: str) -> None:
        os.mkdir(path)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def rmdir(self, path: str) -> None:
        os.rmdir(path)

    def rename(self, path: str, to: str) -> None:
        os.rename(path, to)

    def symlink(self, path: str, to: str) -> None:
        os.symlink(to, path)

    def chmod(self, path: str) -> None:
        os.chmod(path, 0o600)

    def utime(self, path: str) -> None:
        os.utime(path)

    def create(self, path: str, flags: int) -> None:
        self.descriptors.append(os.open(path, flags, 0o600))


def named(argument: Any) -> Any:
    return argument.replace("ROOT", ROOT.lstrip("/")) if isinstance(argument, str) else argument


def call_named(call: Callable[..., Any], arguments: list[Any]) -> Any:
    return call(*map(named, arguments))


def main() -> None:
    for line in sys.stdin:
        sequence = Sequence()
        answers = []
        for name, *arguments in json.loads(line):
            call: Callable[..., Any] = getattr(sequence, name)
            answers.append(answer(partial(call_named, call, arguments)))
        sequence.close_all()
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
