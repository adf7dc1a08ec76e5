"""Modules that are found by the order of sys.path."""

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


@contextmanager
def _first_on_path(folder, position=0):
    sys.path.insert(position, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _without(name):
    before = sys.modules.pop(name, None)
    try:
        yield
    finally:
        sys.modules.pop(name, None)
        if before:
            sys.modules[name] = before


def package_that_finds_itself():
    """Import a package that puts its folder first on sys.path, and imports a module of its own name, as cv2 does."""
    with _first_on_path(HERE / "finding"):
        finding = importlib.import_module("finding")
        return finding.WHAT, finding.inner.WHAT


def first_folder_wins():
    with _first_on_path(HERE / "finding" / "finding"), _without("finding"):
        return importlib.import_module("finding").WHAT


def over_a_compiled_module():
    """A folder that comes first has a module with the name of one of the project's packages."""
    with _first_on_path(HERE / "finding" / "finding"), _without("solo"):
        return importlib.import_module("solo").WHAT


def last_folder_does_not_win():
    with _first_on_path(HERE / "finding" / "finding", len(sys.path)), _without("solo"):
        return importlib.import_module("solo").WHAT


def over_the_standard_library():
    with _first_on_path(HERE / "finding" / "finding"), _without("this"):
        return importlib.import_module("this").WHAT


def namespace_waits_for_a_package():
    with _first_on_path(HERE), _without("solo"):
        return importlib.import_module("solo").WHAT


def root_of_the_path():
    return [Path(each).name for each in sys.path[:1]] == [Path(sys.path[0]).name], str(HERE.parent) in sys.path


def from_a_folder_on_disk():
    import tempfile

    with tempfile.TemporaryDirectory() as folder, _first_on_path(folder), _without("solo"):
        Path(folder, "solo.py").write_text("WHAT = 'on disk'")
        importlib.invalidate_caches()
        return importlib.import_module("solo").WHAT
