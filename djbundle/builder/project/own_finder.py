"""Finds djbundle and what its runtime needs in a process of the project, and nothing else of djbundle's environment.

A project may import a package only if it is installed: ``with suppress(ImportError): import django_rq``. It must get
the answer of its own environment, whatever else is installed beside djbundle. So the folders of djbundle's packages
are not put on ``sys.path``. This finder comes last, and knows the names of what may be found there.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from types import ModuleType


class OwnFinder(DistributionFinder):
    """Finds the top-level modules `modules` and the distributions `distributions`, both by name, in `folders`."""

    def __init__(self, folders: Sequence[str], modules: Iterable[str], distributions: Iterable[str]) -> None:
        self._folders = [*folders]
        self._modules = frozenset(modules)
        self._distributions = frozenset(distributions)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if path is not None or name not in self._modules:
            return None
        return PathFinder.find_spec(name, self._folders, target)

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterator[Distribution]:
        """Yield the distributions that a caller looks for in ``sys.path``, unless they are there."""
        context = context or DistributionFinder.Context()
        if context.path is not sys.path:
            return
        for name in self._distributions if context.name is None else {normalized(context.name)} & self._distributions:
            if not _first(name, context.path) and (own := _first(name, self._folders)):
                yield own

    def invalidate_caches(self) -> None:
        PathFinder.invalidate_caches()


def _first(name: str, folders: list[str]) -> Distribution | None:
    context = DistributionFinder.Context(name=name, path=folders)
    return next(iter(MetadataPathFinder.find_distributions(context)), None)


def normalized(name: str) -> str:
    """Return the name of a distribution as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def search_project_first(
    before: Sequence[str], folders: Sequence[str], modules: Iterable[str], distributions: Iterable[str]
) -> None:
    """Let this process find modules in the working folder, in the folders `before`, and then by an OwnFinder."""
    sys.path[:] = [os.getcwd(), *before]  # noqa: PTH109 - a text
    rest = [folder for folder in folders if folder not in before]
    if rest:
        sys.meta_path.append(OwnFinder(rest, modules, distributions))
