"""Detect which extras of packages were installed. Nothing on the disk records them.

An extra counts as chosen if everything it requires is installed. ``celery[redis]`` is installed as celery and the
requirements of its extra, which may include an extra of kombu. The project imports some of those only when the first
message is sent.
"""

import functools
import importlib.metadata
import re
from collections.abc import Iterable

from packaging.requirements import Requirement

from djbundle.builder.project import installed

# Extras for developers of a package. If pytest happens to be installed, the bundle still does not need it.
DEVELOPMENT_EXTRAS = re.compile(
    r"(^|[-_.])(tests?|testing|dev|devel|develop|development|docs?|documentation|lint|linting|formatting|types?|typing"
    r"|mypy|checks?|qa|ci|bench|benchmarks?|benchmarking|coverage|profiling|build|release|contrib|contributors)($|[-_.])",
    re.IGNORECASE,
)


def requirements(name: str, extras: Iterable[str] = ()) -> list[Requirement]:
    """Return what a distribution requires on this machine, including these of its extras."""
    plain, conditional = _requirements(name)
    return [*plain, *(each for each in conditional if any(_is_of(each, extra) for extra in extras))]


def chosen_extras(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return the extras whose requirements are all installed for the project."""
    provided = distribution.metadata.get_all("Provides-Extra") or []
    return {
        extra for extra in provided if not DEVELOPMENT_EXTRAS.search(extra) and _is_chosen(distribution.name, extra)
    }


def _is_chosen(name: str, extra: str) -> bool:
    """Return whether the requirements of an extra, and of their own extras, are installed; these may form cycles."""
    waiting, visited = [(name, extra)], set()
    while waiting:
        name, extra = each = waiting.pop()
        if each in visited:
            continue
        visited.add(each)
        own = [requirement for requirement in _requirements(name)[1] if _is_of(requirement, extra)]
        if not own or not all(_is_installed(requirement, name) for requirement in own):
            return False
        waiting += [(requirement.name, more) for requirement in own for more in requirement.extras]
    return True


def _is_installed(requirement: Requirement, requiring: str) -> bool:
    if requirement.name == requiring:
        return False  # an extra that lists other extras of its package, each of which is checked itself
    return installed.is_for_project(requirement.name) and requirement.name not in installed.only_for_sbom()


def _is_of(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


@functools.cache
def _requirements(name: str) -> tuple[list[Requirement], list[Requirement]]:
    """Return the requirements without extras, and all others: those of extras or for other machines."""
    every = [Requirement(text) for text in installed.distribution(name).requires or ()]
    plain = [each for each in every if _is_of(each, "")]
    return plain, [each for each in every if each not in plain]
