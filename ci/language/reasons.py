"""Why tests of CPython end differently in a bundle. docs/python-tests.md has the table, which is made from this."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ci.language.record import Module


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason, and the tests that it explains, by patterns of their names."""

    text: str
    tests: tuple[str, ...]

    def explains(self, test: str) -> bool:
        return any(fnmatchcase(test, pattern) for pattern in self.tests)


REASONS: tuple[Reason, ...] = ()


def unexplained(modules: Mapping[str, Module]) -> dict[str, list[str]]:
    """Return the tests that end differently for no reason that is known, with their outcomes."""
    different = {name: ends for module in modules.values() for name, ends in module.different.items()}
    return {name: ends for name, ends in different.items() if not any(each.explains(name) for each in REASONS)}
