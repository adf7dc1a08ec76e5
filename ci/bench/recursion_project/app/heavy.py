"""Code that makes many calls and does little else: here a check at each call costs most."""

from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

ROUNDS = 25
SMALL_CALLS = 100_000


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def tree(levels: int) -> list[Any]:
    return [tree(levels - 1), tree(levels - 1)] if levels else []


def depth(node: list[Any]) -> int:
    return 1 + max([depth(each) for each in node], default=0)


class Place:
    """A node in a chain of parents, like the categories of a shop."""

    def __init__(self, value: int, parent: "Place | None") -> None:
        self._value, self.parent = value, parent

    @property
    def value(self) -> int:
        return self._value

    def total(self) -> int:
        return self.value + (self.parent.total() if self.parent else 0)


def place(parents: int) -> Place:
    made = None
    for number in range(parents + 1):
        made = Place(number, made)
    assert made
    return made


def countdown(n: int) -> Iterator[int]:
    if n:
        yield n
        yield from countdown(n - 1)


def next_number(n: int) -> int:
    return n + 1


def count() -> int:
    total = 0
    for _ in range(SMALL_CALLS):
        total = next_number(total)
    return total


def words(text: str) -> list[str]:
    return [word.strip(".,").lower() for word in text.split() if word]


TREE, PLACE, TEXT = tree(12), place(200), "The quick, brown fox. " * 2000
CASES: dict[str, Callable[[], object]] = {
    "fib(22)": lambda: fib(22),
    f"{SMALL_CALLS:,} small calls": count,
    "walk through a tree of lists": lambda: depth(TREE),
    "property of 200 parents, 50 times": lambda: [PLACE.total() for _ in range(50)],
    "generators in each other, 150": lambda: sum(countdown(150)),
    "words of a text (few calls)": lambda: words(TEXT),
}


def seconds() -> dict[str, float]:
    """Return the CPU seconds of each case, the best of several runs."""
    return {name: min(_time(case) for _ in range(ROUNDS)) for name, case in CASES.items()}


def _time(case: Callable[[], object]) -> float:
    begin = process_time()
    case()
    return process_time() - begin
