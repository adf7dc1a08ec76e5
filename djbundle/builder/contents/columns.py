"""Remove the columns of instructions from code objects.

A traceback marks the columns in a line of source. Where a bundle has no source, they mark nothing, and they are a
quarter of the compressed bytecode. Python leaves them out itself if it runs with ``-X no_debug_ranges``.

The location table of a code object has an entry for each one to eight units of code. Its first byte alone has the
highest bit, and holds the form of the entry and the number of units. See "Location table" in CPython's
InternalDocs/code_objects.md.
"""

import re
from collections.abc import Iterator
from types import CodeType

ENTRY = re.compile(rb"([\x80-\xff])([\x00-\x7f]*)")
NUMBER = re.compile(rb"[\x40-\x7f]*[\x00-\x3f]")  # of variable length
MAX_UNITS = 8  # of an entry
SAME_LINE = b"\0"  # the change of the line, as a number
ONE_LINE, NO_COLUMNS, NO_LINE = 10, 13, 15  # forms; those before the first are on the same line
Run = tuple[int, bytes, int]  # a form, the change of the line, units of code


def without_columns(code: CodeType) -> CodeType:
    """Return the code with the same lines, without columns; so for all code in it."""
    constants = tuple(without_columns(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_linetable=_lines_only(code.co_linetable), co_consts=constants)


def _lines_only(table: bytes) -> bytes:
    """Return a location table with the same lines."""
    new = bytearray()
    for form, change, units in _runs(table):
        for done in range(0, units, MAX_UNITS):
            new.append(0x80 | form << 3 | min(units - done, MAX_UNITS) - 1)
            if form == NO_COLUMNS:
                new += SAME_LINE if done else change
    return bytes(new)


def _runs(table: bytes) -> Iterator[Run]:
    """Yield entries in the two forms without columns. Entries for the same line are put together."""
    form, change, units = NO_LINE, SAME_LINE, 0
    for first, rest in ENTRY.findall(table):
        old = first[0] >> 3 & 15
        new = NO_LINE if old == NO_LINE else NO_COLUMNS
        new_change = _change_of_line(old, rest)
        if new != form or new_change != SAME_LINE:
            yield form, change, units
            form, change, units = new, new_change, 0
        units += (first[0] & 7) + 1
    yield form, change, units


def _change_of_line(form: int, rest: bytes) -> bytes:
    """Return the change of the line in an entry, as a signed number of variable length."""
    if form < ONE_LINE or form == NO_LINE:
        return SAME_LINE
    if form < NO_COLUMNS:
        return bytes([form - ONE_LINE << 1])
    match = NUMBER.match(rest)
    return match[0] if match else SAME_LINE
