"""Extras of packages: who has installed all that one wants has chosen it, though nothing on the disk says so.

``celery[redis]`` is installed as celery and what its extra wants, kombu's extra among it, some of which nobody imports
before the first message is sent.
"""

import functools
import importlib.metadata
import re
from collections.abc import Iterator

from packaging.requirements import Requirement

from djbundle.builder import installed

# Of those who work on a package; whoever tries its tests is no reason to take pytest along.
DEVELOPMENT = re.compile(
    r"(^|[-_.])(tests?|testing|dev|devel|develop|development|docs?|documentation|lint|linting|formatting"
    r"|types?|typing|mypy|checks?|qa|ci|bench|benchmarks?|benchmarking|coverage|profiling|build|release|contrib|contributors)($|[-_.])",
    re.IGNORECASE,
)


def chosen_extras(distribution: importlib.metadata.Distribution) -> set[str]:
    """Those of which all that they want is installed for the project."""
    provided = distribution.metadata.get_all("Provides-Extra") or []
    return {extra for extra in provided if not DEVELOPMENT.search(extra) and _is_chosen(distribution.name, extra)}


@functools.cache
def _is_chosen(name: str, extra: str) -> bool:
    wanted = list(_requirements_of(name, extra))
    return bool(wanted) and all(_is_there(each, name) for each in wanted)


def _is_there(requirement: Requirement, asking: str) -> bool:
    """With its own extras. An extra may name others of its package, and these it again."""
    if requirement.name == asking:
        return False  # each of them stands for itself
    try:
        distribution = installed.distribution(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    is_of_project = installed.is_of_project(distribution)
    return is_of_project and all(_is_chosen(distribution.name, extra) for extra in requirement.extras)


def _requirements_of(name: str, extra: str) -> Iterator[Requirement]:
    """Those that it adds."""
    for text in installed.distribution(name).requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
            yield requirement
