"""Measures a return value before it is copied and encoded, since a short program can make one that no memory holds."""

from typing import Any

DIGITS = 3  # at least, for ten bits


def exceeds(value: Any, most: int) -> bool:
    """Return whether its JSON certainly has more than `most` characters. Look at no more than `most` parts of it.

    Count only Python's own types, whose length no project code computes. A list that is referenced twice counts twice.
    """
    left, waiting = most, [value]
    while waiting and left >= 0:
        part = waiting.pop()
        kind = type(part)
        if kind is str:
            left -= len(part)
        elif kind is bytes:
            left -= len(part) // 4  # a character takes up to four bytes
        elif kind is int:
            left -= part.bit_length() * DIGITS // 10
        elif kind is list or kind is tuple or kind is dict:
            left -= 2 * len(part) if kind is dict else len(part)
            if left >= 0:
                waiting += part
                waiting += part.values() if kind is dict else ()
    return left < 0
