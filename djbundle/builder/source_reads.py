"""Which sources a project reads as files while it is imported, as django-split-settings does with those it includes.

A bundle has no use for sources otherwise: modules are in there as bytecode or machine code. Runs in the probe.
"""

import sys
from types import FrameType

LINE_READERS = frozenset({"linecache", "tokenize"})  # of tracebacks, warnings and inspect.stack(), which go without


def is_read_as_file(opening: FrameType | None) -> bool:
    """Whether the source that is opened in the frame `opening` is data there: no module that is imported, no line that
    is shown, nothing that djbundle wants to know.
    """
    frame = opening
    while frame:
        module = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_filename.startswith("<frozen importlib") or module in LINE_READERS:
            return False
        if module.partition(".")[0] not in sys.stdlib_module_names:
            return not module.startswith("djbundle.")
        frame = frame.f_back
    return False
