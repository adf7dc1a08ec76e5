"""Record which environment variables a project reads while it is imported, and where. Runs in the probe.

A variable counts when a line of the project asks for it, directly or through a settings package (django-environ,
decouple, dj-database-url, ...). Variables that the standard library, Django and other packages read for themselves do
not count.
"""

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from djbundle.builder.project.discovery import IGNORED_FOLDERS
from djbundle.contract.variables import SETTINGS_MODULE
from djbundle.settings_module import CLASS_VARIABLE

MACHINERY = frozenset({"os", "_collections_abc", "collections.abc", __name__})  # between reader and value
# Packages that read variables the project's line does not name: env.db() reads DATABASE_URL.
IMPLICIT_READERS = frozenset({"environ", "dj_database_url", "dj_email_url", "django_cache_url", "configurations"})
# They read every variable of the environment, wanted or not. For pydantic_settings see settings_models.py.
LOADERS = frozenset({"dotenv", "pydantic_settings"})


@dataclass(slots=True)
class VariableRead:
    """The project's first read of a variable."""

    name: str
    place: str  # "shop/settings.py:12"
    was_set: bool
    is_required: bool  # os.environ["NAME"] in a line of the project


class Watch:
    """The readings of one process, by variable name, in the order of reading."""

    def __init__(self, root: Path) -> None:
        self.readings: dict[str, VariableRead] = {}
        self.hidden: str | None = None  # a variable that must appear to be unset
        self._root = f"{root}/"

    def start(self) -> None:
        """Make ``os.environ`` report to this watch from now on."""
        _WatchedEnviron.watch = self
        os.environ.__class__ = _WatchedEnviron

    def note(self, name: str, *, was_set: bool, is_required: bool) -> None:
        if name in self.readings or name in (SETTINGS_MODULE, CLASS_VARIABLE):
            return
        if reader := self._reading_frame(name):
            frame, is_direct = reader
            place = f"{self.relative_path(frame.f_code.co_filename)}:{frame.f_lineno}"
            self.readings[name] = VariableRead(name, place, was_set, is_required and is_direct)

    def relative_path(self, file: str) -> str:
        """Return the path of a source relative to the project."""
        return file.removeprefix(self._root)

    def relative_place(self, place: str) -> str:
        """Return "shop/apps.py:12" for a place in the project; the last folders of a path elsewhere."""
        return self.relative_path(place) if self.is_own(place) else place.rpartition("/site-packages/")[2]

    def _reading_frame(self, name: str) -> tuple[FrameType, bool] | None:
        """Return the frame of the project that asks for `name`, and whether it asks directly."""
        frame: FrameType | None = sys._getframe(2)
        while frame and frame.f_globals.get("__name__") in MACHINERY:
            frame = frame.f_back
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0] if frame else ""
        first = frame
        while frame and not self.is_own(frame.f_code.co_filename):
            if frame.f_code.co_filename.startswith("<frozen importlib"):  # a package reads it while being imported
                return None
            frame = frame.f_back
        if frame is None or frame is first:
            return (frame, True) if frame else None
        if package in sys.stdlib_module_names or package in LOADERS or package == "django":
            return None
        is_named = package in IMPLICIT_READERS or name in _text(frame.f_code.co_filename)
        return (frame, False) if is_named else None

    def is_own(self, file: str) -> bool:
        """Return whether a source belongs to the project and not to an environment inside the project's folder."""
        return file.startswith(self._root) and IGNORED_FOLDERS.isdisjoint(file.split("/"))


class _WatchedEnviron(os._Environ[str]):
    watch: Watch

    def __getitem__(self, key: str) -> str:
        return self._read(key, is_required=True)

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        try:
            return self._read(key, is_required=False)
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        try:
            self._read(str(key), is_required=False)
        except KeyError:
            return False
        return True

    def setdefault(self, key: str, value: str) -> str:
        """Set the variable if unset. It does not count as a read, because .env files are loaded this way."""
        try:
            return super().__getitem__(key)
        except KeyError:
            self[key] = value
            return value

    def _read(self, key: str, *, is_required: bool) -> str:
        is_set = self.encodekey(key) in self._data  # type: ignore[attr-defined]
        self.watch.note(key, was_set=is_set, is_required=is_required)
        if key == self.watch.hidden:
            raise KeyError(key)
        return super().__getitem__(key)


@functools.cache
def _text(file: str) -> str:
    return Path(file).read_text(errors="replace")
