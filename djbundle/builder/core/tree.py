"""The tree that becomes the archive: names below the virtual root, and the files on the build machine's disk."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from djbundle.builder.machines import this_machine
from djbundle.builder.machines.machine import Machine

LICENSES_FOLDER = "_licenses"

Part = Literal["project", "packages", "python", "libraries", "static", "tls", "inventory"]
PARTS: dict[Part, str] = {
    "project": "your project",
    "packages": "packages",
    "tls": "TLS and signatures; not with tls = false",
    "python": "Python, its standard library, djbundle",
    "libraries": "shared libraries",
    "static": "static files, compressed three ways",
    "inventory": "SBOM, licences of libraries",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the tree."""

    name: str  # relative to the root, with slashes
    source: Path
    part: Part
    executable: bool


def is_program(path: Path) -> bool:
    """Return whether a file is a program. Shared libraries do not count, though many are executable."""
    return bool(os.stat(path).st_mode & stat.S_IXUSR) and ".so" not in path.suffixes  # noqa: PTH116 - called often


class Tree:
    """Files by name. The first file under a name wins, so the order of build steps sets precedence."""

    def __init__(self, work: Path, machine: Machine | None = None) -> None:
        self.machine = machine or this_machine()  # on which the bundle will run
        self.links: dict[str, str] = {}  # target of each symbolic link, relative to the link's folder
        self.needs: dict[str, tuple[str, ...]] = {}  # libraries to load before each ELF file, in order
        self.frames: dict[str, str] = {}  # the zstd frame of each file that has one, by name
        self.unwinds = True  # whether code in C keeps its unwind tables, see native/unwind_tables.py
        self.origins: dict[str, Path] = {}  # the original of each ELF file that was made smaller, by name
        self.empty: set[str] = set()  # folders that exist even if no file is in them
        self._files: dict[str, File] = {}
        self._work = work

    def copy(self, work: Path) -> "Tree":
        """Return a tree with the same files, which may get others."""
        tree = Tree(work, self.machine)
        tree.links, tree.needs, tree.frames = dict(self.links), dict(self.needs), dict(self.frames)
        tree.empty, tree.origins, tree._files = set(self.empty), dict(self.origins), dict(self._files)
        tree.unwinds = self.unwinds
        return tree

    def add(self, name: str | PurePosixPath, source: Path, part: Part, *, executable: bool | None = None) -> None:
        """Add a file. Its mode says whether it is executable, unless the caller does."""
        if (name := str(name)) not in self._files:
            is_executable = is_program(source) if executable is None else executable
            self._files[name] = File(name, source, part, is_executable)

    def add_text(self, name: str, text: str, part: Part) -> None:
        """Add a file whose text the build writes itself."""
        source = self._work / "written" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        self.add(name, source, part)

    def replace(self, file: File, source: Path) -> None:
        """Replace the content of a file, for example with a stripped library."""
        self._files[file.name] = File(file.name, source, file.part, file.executable)

    def remove(self, name: str) -> None:
        del self._files[name]

    def __getitem__(self, name: str) -> File:
        return self._files[name]

    def __iter__(self) -> Iterator[File]:
        return iter(list(self._files.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __len__(self) -> int:
        return len(self._files)

    def folders(self) -> list[str]:
        """Return every folder that the names imply, parents first."""
        folders = {parent_of(name) for name in (*self._files, *self.links)} | self.empty
        waiting = [*folders]
        while waiting:
            if (parent := parent_of(waiting.pop())) not in folders:
                folders.add(parent)
                waiting.append(parent)
        return sorted(folders - {"."})


def parent_of(name: str) -> str:
    """Return the folder of a name in the tree, "." for the root. pathlib would take ten times as long."""
    return name.rpartition("/")[0] or "."


def base_of(name: str) -> str:
    """Return the last part of a name in the tree."""
    return name.rpartition("/")[2]


def suffix_of(name: str) -> str:
    """Return the suffix of a name in the tree, with its dot; "" if it has none."""
    base = base_of(name)
    at = base.rfind(".")
    return base[at:] if 0 < at < len(base) - 1 else ""
