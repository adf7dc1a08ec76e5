"""How much a return value is, before it is copied and encoded: a short program makes a value that no memory holds."""

from typing import Any

DIGITS = 3  # of ten bits, at least


def exceeds(value: Any, most: int) -> bool:
    """Whether its JSON surely has more than `most` characters. Looks at no more than so many parts of it.

    Only Python's own types are counted, whose length nobody else says; a list that stands in two places counts twice.
    """
    left, waiting = most, [value]
    while waiting and left >= 0:
        part = waiting.pop()
        kind = type(part)
        if kind is str:
            left -= len(part)
        elif kind is bytes:
            left -= len(part) // 4  # a character takes up to four
        elif kind is int:
            left -= part.bit_length() * DIGITS // 10
        elif kind is list or kind is tuple or kind is dict:
            left -= 2 * len(part) if kind is dict else len(part)
            if left >= 0:
                waiting += part
                waiting += part.values() if kind is dict else ()
    return left < 0
