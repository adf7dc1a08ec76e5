import sys
from collections.abc import Iterator


def numbers() -> Iterator[object]:
    try:
        raise ValueError
    except ValueError:
        for _ in range(2):
            yield sys.exception() is None


def answer() -> object:
    generator = numbers()
    next(generator)
    inside = sys.exception()
    return (str(generator).startswith("<generator"), next(generator), inside)
