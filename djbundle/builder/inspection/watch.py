"""Watches which environment variables a project reads while it is imported, and where. Runs in the probe.

A variable counts when a line of the project asked for it, itself or through a package for settings (django-environ,
decouple, dj-database-url, ...). What the standard library, Django and other packages look up for themselves does not.
"""

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from djbundle.builder.project.discovery import IGNORED_FOLDERS, SETTINGS_VARIABLE
from djbundle.settings_module import CLASS_VARIABLE

MACHINERY = frozenset({"os", "_collections_abc", "collections.abc", __name__})  # what lies between a line and its value
# Packages that read variables which the project's line does not name: env.db() reads DATABASE_URL.
IMPLYING = frozenset({"environ", "dj_database_url", "dj_email_url", "django_cache_url", "configurations"})
# They ask for each name that there is, whether anybody wants it or not; for the second see settings_models.py.
LOADERS = frozenset({"dotenv", "pydantic_settings"})


@dataclass(slots=True)
class Reading:
    """The first time that the project asked for a variable."""

    name: str
    place: str  # "shop/settings.py:12"
    was_there: bool
    insists: bool  # os.environ["NAME"] in a line of the project


class Watch:
    """The readings of one process, by name, in the order of reading."""

    def __init__(self, root: Path) -> None:
        self.readings: dict[str, Reading] = {}
        self.hidden: str | None = None  # a variable that is to seem missing
        self._root = f"{root}/"

    def start(self) -> None:
        """From now on, ``os.environ`` reports to this watch."""
        _WatchedEnviron.watch = self
        os.environ.__class__ = _WatchedEnviron

    def note(self, name: str, *, was_there: bool, insists: bool) -> None:
        if name in self.readings or name in (SETTINGS_VARIABLE, CLASS_VARIABLE):
            return
        if place := self._reader(name):
            frame, is_direct = place
            shown = f"{self.shown(frame.f_code.co_filename)}:{frame.f_lineno}"
            self.readings[name] = Reading(name, shown, was_there, insists and is_direct)

    def shown(self, file: str) -> str:
        """A source as people write it: relative to the project."""
        return file.removeprefix(self._root)

    def _reader(self, name: str) -> tuple[FrameType, bool] | None:
        """The frame of the project that asks for `name`, and whether it does so itself."""
        frame: FrameType | None = sys._getframe(2)
        while frame and frame.f_globals.get("__name__") in MACHINERY:
            frame = frame.f_back
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0] if frame else ""
        first = frame
        while frame and not self.is_own(frame.f_code.co_filename):
            if frame.f_code.co_filename.startswith("<frozen importlib"):  # another package, while it is imported
                return None
            frame = frame.f_back
        if frame is None or frame is first:
            return (frame, True) if frame else None
        if package in sys.stdlib_module_names or package in LOADERS or package == "django":
            return None
        is_named = package in IMPLYING or name in _text(frame.f_code.co_filename)
        return (frame, False) if is_named else None

    def is_own(self, file: str) -> bool:
        """Whether a source belongs to the project; its environment may lie in its folder."""
        return file.startswith(self._root) and IGNORED_FOLDERS.isdisjoint(file.split("/"))


class _WatchedEnviron(os._Environ[str]):
    watch: Watch

    def __getitem__(self, key: str) -> str:
        return self._read(key, insists=True)

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        try:
            return self._read(key, insists=False)
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        try:
            self._read(str(key), insists=False)
        except KeyError:
            return False
        return True

    def setdefault(self, key: str, value: str) -> str:
        """Writing is no reading: this is how a .env file is loaded."""
        try:
            return super().__getitem__(key)
        except KeyError:
            self[key] = value
            return value

    def _read(self, key: str, *, insists: bool) -> str:
        is_there = self.encodekey(key) in self._data  # type: ignore[attr-defined]
        self.watch.note(key, was_there=is_there, insists=insists)
        if key == self.watch.hidden:
            raise KeyError(key)
        return super().__getitem__(key)


@functools.cache
def _text(file: str) -> str:
    return Path(file).read_text(errors="replace")
