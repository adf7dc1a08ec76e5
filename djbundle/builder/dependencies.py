"""Which distributions go into a bundle, and why.

The start is every distribution of which the running project loaded a module; their requirements follow. Tools that
are only installed beside the project do not go in.
"""

import importlib.metadata
import re
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from djbundle.builder.inspection import Inspection
from djbundle.builder.project import Project
from djbundle.errors import ConfigurationError

# What the runtime needs besides Django; the rest of djbundle's own requirements only serve the build.
RUNTIME = ("django", "granian", "servestatic", "certifi", "tzdata")
NOT_NEEDED = {"granian": ("click",)}  # by its command line only, which a bundle does not have
DJBUNDLE = "djbundle"


@dataclass(frozen=True, slots=True)
class Dependency:
    """One distribution and the reason why it goes in."""

    name: str  # normalized as in PEP 503
    version: str
    reason: str
    distribution: importlib.metadata.Distribution


def find_dependencies(project: Project, inspection: Inspection) -> list[Dependency]:
    """All distributions that the bundle needs, by name."""
    found: dict[str, Dependency] = {}
    waiting = [*_roots(project, inspection)]
    while waiting:
        name, reason, extras = waiting.pop()
        name = normalize(name)
        if name in found or name == DJBUNDLE or name == normalize(project.name):
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = Dependency(name, distribution.version, reason, distribution)
        waiting += [
            (item.name, f"needed by {name}", item.extras)
            for item in _requirements(distribution, extras)
            if item.name not in NOT_NEEDED.get(name, ())
        ]
    return [found[name] for name in sorted(found)]


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _roots(project: Project, inspection: Inspection) -> Iterator[tuple[str, str, set[str]]]:
    for name in RUNTIME:
        yield name, "djbundle's runtime", set()
    for name in project.configuration.include:
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise ConfigurationError(
                f'[tool.djbundle] includes "{name}", which is not installed', f"pip install {name}"
            ) from error
        yield name, "include in [tool.djbundle]", set()
    for name, module in _loaded_distributions(inspection.modules):
        yield name, f"loaded as {module}", set()


def _loaded_distributions(modules: dict[str, str | None]) -> Iterator[tuple[str, str]]:
    """The distributions that own a loaded module, each with the first such module.

    Judged by file, not by name: distributions may share a namespace package.
    """
    owners = _owners()
    for module, file in sorted(modules.items()):
        if file and (owner := owners.get(file)) and not module.startswith("djbundle."):
            yield owner, module


def _owners() -> dict[str, str]:
    owners: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        base, name = str(distribution.locate_file("")), distribution.name  # each of which takes its time
        for file in distribution.files or ():
            if file.suffix in (".py", ".so"):
                owners[f"{base}/{file}"] = name
    return owners


def _requirements(distribution: importlib.metadata.Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def local_packages(project: Project, inspection: Inspection) -> dict[str, Path]:
    """Top-level packages outside of the project, the standard library and every distribution: editable installs."""
    places = [
        str(project.root),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    ]
    found = {}
    for module, file in inspection.modules.items():
        is_local = file and "." not in module and not any(file.startswith(f"{place}/") for place in places)
        if is_local and module not in (DJBUNDLE, "__main__", "__mp_main__"):
            found[module] = Path(str(file))
    return found
