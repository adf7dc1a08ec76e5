"""The project's settings module while rules change it, and the record of what they changed."""

import copy
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.data_directory import create_data_directory
from djbundle.runtime.core.verify_mode import is_trial

OUTSIDE_FOLDER = "outside"  # for what the settings have elsewhere, where nothing can be written
TEMPORARY = Path("/tmp")  # noqa: S108 - looked at, not written to
SHARED = (TEMPORARY, Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - as above
READ_ONLY_COMMANDS = ("help", "diffsettings", "config")  # they write nothing, not even a secret key


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
        """The place in the data directory for a path in the tree, or for a relative one; None where it may stay.

        A trial writes nothing elsewhere, and an empty container has no /tmp.
        """
        target, data = Path(path), self.bundle.data
        if moved := self.bundle.in_data(target):
            return moved
        if target.is_relative_to(data):
            return None
        if is_trial() or (target.is_relative_to(TEMPORARY) and not TEMPORARY.is_dir()):
            return data / OUTSIDE_FOLDER / target.relative_to("/")
        return None

    def out_of_shared(self, path: str | os.PathLike[str]) -> Path | None:
        """The place in the data directory for what lies where everybody may make folders; None for all else.

        Another user may have made it first. What is in a cache is unpickled, which runs whatever it says.
        """
        target = self.bundle.in_tree(Path(path))
        if not any(target.is_relative_to(shared) for shared in SHARED):
            return None
        return self.bundle.data / OUTSIDE_FOLDER / target.relative_to("/")

    def make_folder(self, folder: Path) -> None:
        """Where a database is to be made; only in the data directory, and not to answer a question."""
        if folder.is_relative_to(self.bundle.data) and self.command not in READ_ONLY_COMMANDS:
            create_data_directory(self.bundle.data)
            folder.mkdir(parents=True, exist_ok=True)
