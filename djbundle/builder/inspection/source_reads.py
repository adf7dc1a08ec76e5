"""Record which Python sources the project reads or looks for as files while it is imported. Runs in the probe.

django-split-settings reads the sources that it includes. Some packages look for each file beside them and import it.
Other sources are not put in a bundle: their modules are there as bytecode or machine code.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

# Imports and entry points, which also work in a bundle; and os.walk(), which is mostly used to search all folders for
# a data file.
MACHINERY = frozenset({"pkgutil", "importlib.metadata", "os"})
LINE_MODULES = frozenset({"linecache", "tokenize"})  # tracebacks, warnings and inspect.stack() work without sources
SOURCE_FUNCTIONS = frozenset({"getsource", "getsourcelines"})  # inspect functions that need sources (typeguard)
IGNORED_PACKAGES = frozenset({"django", "djbundle"})  # they read and list sources for known reasons
LIST_EVENTS = frozenset({"os.listdir", "os.scandir"})

_read: dict[str, None] = {}  # sources, absolute, in order
_listed: dict[str, None] = {}  # folders


def record_event(event: str, arguments: tuple[Any, ...]) -> None:
    """Record an opened source or a listed folder, as an audit hook (see sys.addaudithook)."""
    if event == "open" and str(arguments[0]).endswith(".py"):
        files = _read
    elif event in LIST_EVENTS and isinstance(arguments[0], str | os.PathLike):
        files = _listed
    else:
        return
    if _is_of_interest(sys._getframe(1)):  # sys._getframe raises an event too
        files[str(Path(arguments[0]).absolute())] = None


def sources() -> list[str]:
    """Return the sources that were read or looked for, absolute.

    Listing a folder counts as looking for all sources in it.
    """
    return [*dict.fromkeys((*_read, *(path for folder in list(_listed) for path in _sources_in(folder))))]


def _sources_in(folder: str) -> Iterator[str]:
    return map(str, sorted(Path(folder).glob("*.py")))


def _is_of_interest(opening: FrameType) -> bool:
    """Return whether the project or a package caused the read.

    Reads for an import, or to show a source line in a traceback or warning, do not count.
    """
    frame: FrameType | None = opening
    is_shown = False
    while frame:
        module = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_filename.startswith("<frozen importlib") or module in MACHINERY:
            return False
        if (package := module.partition(".")[0]) not in sys.stdlib_module_names:
            return package not in IGNORED_PACKAGES and not is_shown
        if module in LINE_MODULES:
            is_shown = True
        elif module == "inspect" and frame.f_code.co_name in SOURCE_FUNCTIONS:
            is_shown = False
        frame = frame.f_back
    return False
