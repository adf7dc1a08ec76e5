"""The project's settings module while rules change it, and the record of what they changed."""

import copy
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.copy_mode import is_confined
from djbundle.runtime.core.data_directory import create_data_directory

OUTSIDE_FOLDER = "outside"  # for paths outside the tree that the site must not use
TEMPORARY = Path("/tmp")  # noqa: S108 - looked at, not written to
SHARED = (TEMPORARY, Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - as above
READ_ONLY_COMMANDS = ("help", "diffsettings", "config", "doctor")  # they write nothing, not even a secret key


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that the overlay changed."""

    setting: str
    value: object
    reason: str


@dataclass(slots=True)
class Overlay:
    """The project's settings module while the rules work on it."""

    module: ModuleType
    bundle: Bundle
    command: str
    changes: list[Change] = field(default_factory=list)

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self.module, name, default)

    def set(self, name: str, value: object, reason: str) -> None:
        setattr(self.module, name, value)
        self.changes.append(Change(name, copy.deepcopy(value), reason))  # Django fills its defaults into the original

    def moved(self, path: str | os.PathLike[str]) -> Path | None:
        """Return the new path, in the data directory, for a path in the tree or a relative one; None if it may stay.

        Verify mode must write nothing outside the data directory, so other paths are moved too. Where there is no /tmp,
        as in an empty container, paths in it are moved.
        """
        target, data = Path(path), self.bundle.data
        if moved := self.bundle.in_data(target):
            return moved
        if target.is_relative_to(data):
            return None
        if is_confined() or (target.is_relative_to(TEMPORARY) and not TEMPORARY.is_dir()):
            return data / OUTSIDE_FOLDER / target.relative_to("/")
        return None

    def out_of_shared(self, path: str | os.PathLike[str]) -> Path | None:
        """Return the place in the data directory for a path where every user may create folders; None for all others.

        Another user may have created the folder first. A cache unpickles its files, and a pickle can run any code.
        """
        target = self.bundle.in_tree(Path(path))
        if target.is_relative_to(self.bundle.data) or not any(target.is_relative_to(shared) for shared in SHARED):
            return None
        return self.bundle.data / OUTSIDE_FOLDER / target.relative_to("/")

    def make_folder(self, folder: Path) -> None:
        """Create the folder for a database, only inside the data directory and not for a read-only command."""
        if folder.is_relative_to(self.bundle.data) and self.command not in READ_ONLY_COMMANDS:
            create_data_directory(self.bundle.data)
            folder.mkdir(parents=True, exist_ok=True)
