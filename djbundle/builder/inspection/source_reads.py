"""Which sources a project reads as files while it is imported, as django-split-settings does with those it includes,
or looks for, as a package does that imports each file beside it.

A bundle has no use for sources otherwise: modules are in there as bytecode or machine code. Runs in the probe.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

# Of imports and entry points, which are found in a bundle too; and of os.walk(), by which people look for a file of
# data in all folders there are.
MACHINERY = frozenset({"pkgutil", "importlib.metadata", "os"})
LINES = frozenset({"linecache", "tokenize"})  # of tracebacks, warnings and inspect.stack(), which go without them
ASKING = frozenset({"getsource", "getsourcelines"})  # of inspect, for who cannot go without: typeguard
OTHERS = frozenset({"django", "djbundle"})  # who read and list for reasons that are known
LISTING = frozenset({"os.listdir", "os.scandir"})

_read: dict[str, None] = {}  # sources, absolute, in order
_listed: dict[str, None] = {}  # folders


def note_event(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook; see sys.addaudithook."""
    if event == "open" and str(arguments[0]).endswith(".py"):
        noted = _read
    elif event in LISTING and isinstance(arguments[0], str | os.PathLike):
        noted = _listed
    else:
        return
    if _is_of_interest(sys._getframe(1)):  # which raises an event too
        noted[str(Path(arguments[0]).absolute())] = None


def sources() -> list[str]:
    """Those that were read or looked for, absolute; the sources of a folder that was listed count."""
    return [*dict.fromkeys((*_read, *(path for folder in list(_listed) for path in _sources_in(folder))))]


def _sources_in(folder: str) -> Iterator[str]:
    return map(str, sorted(Path(folder).glob("*.py")))


def _is_of_interest(opening: FrameType) -> bool:
    """Whether that is done for the project or a package: not for an import, not for a line that is shown."""
    frame: FrameType | None = opening
    is_shown = False
    while frame:
        module = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_filename.startswith("<frozen importlib") or module in MACHINERY:
            return False
        if (package := module.partition(".")[0]) not in sys.stdlib_module_names:
            return package not in OTHERS and not is_shown
        if module in LINES:
            is_shown = True
        elif module == "inspect" and frame.f_code.co_name in ASKING:
            is_shown = False
        frame = frame.f_back
    return False
