"""Installed packages: the project's and djbundle's own, which may lie in two environments.

djbundle may run from an environment of its own (see environment.py). Then the builder's modules come from there. The
functions below find the project's packages: first in the project's environment, then in djbundle's. There, they find
only what djbundle requires. Whatever else is installed beside it is not the project's.
"""

import csv
import functools
import importlib.metadata
import json
import os
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DJBUNDLE = "djbundle"
# What djbundle's modules import in a process of the project. Its other requirements only serve the builder.
RUNTIME_REQUIREMENTS = (
    *("certifi", "cronsim", "cryptography", "dj-database-url", "django", "django-tasks", "granian", "josepy"),
    *("servestatic", "tzdata"),
)
SBOM_LIBRARY = "cyclonedx-python-lib"  # of the builder
NOT_NEEDED = {"granian": ("click",)}  # only for its command line, which a bundle does not have
OWN_PACKAGES = ("djbundle", "granian", "nuitka", "zstandard")  # djbundle itself may be a checkout in another folder
PACKAGE_FOLDERS = ("site-packages", "dist-packages")
UNUSUAL = re.compile(r"^\./|/\.?/")  # in a name: it can be written shorter

# Run by ``python -P -c``, with the folders of djbundle's own packages as the first argument.
_OWN_FIRST = "import sys; sys.path[:0] = sys.argv.pop(1).split({separator!r}); {statement}"
# The same for a process that prefers the project's packages. It always imports this djbundle.
_OWN_LAST = """\
import json, sys
own, before = json.loads(sys.argv.pop(1)), sys.path[:]
sys.path[:0] = own["folders"]
from djbundle.builder.project.own_finder import search_project_first
search_project_first(before, **own)
{statement}
"""


@functools.cache
def own_folders() -> tuple[str, ...]:
    """Return the folders from which the running djbundle and its requirements are imported."""
    origins = [spec.origin for spec in map(find_spec, OWN_PACKAGES) if spec and spec.origin]
    return tuple(dict.fromkeys(str(Path(origin).parents[1]) for origin in origins))


@functools.cache
def search_path() -> tuple[str, ...]:
    """Return the folders in which the project's packages are looked for, including the standard library."""
    own = own_folders()
    return (*(folder for folder in sys.path if folder and folder not in own), *own)


def package_folders() -> list[Path]:
    """Return the folders of `search_path` that hold installed packages."""
    return [Path(folder) for folder in search_path() if folder in own_folders() or folder.endswith(PACKAGE_FOLDERS)]


def is_separate() -> bool:
    """Return whether djbundle's packages lie in another environment than the project's."""
    return not set(map(Path, own_folders())).issuperset(package_folders())


def distributions() -> Iterable[importlib.metadata.Distribution]:
    """Return all installed distributions that may be the project's.

    One that is installed twice comes twice, the project's first.
    """
    return filter(_is_available, importlib.metadata.distributions(path=list(search_path())))


def is_of_project(distribution: importlib.metadata.Distribution) -> bool:
    """Return whether a distribution lies in the project's environment, which may also be djbundle's."""
    return not is_separate() or Path(str(distribution.locate_file(""))) not in set(map(Path, own_folders()))


def _is_available(distribution: importlib.metadata.Distribution) -> bool:
    """Return whether a distribution is the project's, or one that djbundle or an extra of djbundle requires."""
    return is_of_project(distribution) or canonicalize_name(distribution.name) in required_by_djbundle()


def distribution(name: str) -> importlib.metadata.Distribution:
    """Return the project's distribution of this name, else djbundle's.

    Raises importlib.metadata.PackageNotFoundError if neither has one.
    """
    for match in importlib.metadata.distributions(name=name, path=list(search_path())):
        if _is_available(match):
            return match
    raise importlib.metadata.PackageNotFoundError(name)


def is_for_project(name: str) -> bool:
    """Return whether a distribution of this name is installed in the project's environment."""
    try:
        return is_of_project(distribution(name))
    except importlib.metadata.PackageNotFoundError:
        return False


@functools.cache
def required_by_djbundle() -> frozenset[str]:
    """Return the names of djbundle and of what it requires, with all its extras."""
    return _closure([DJBUNDLE])


@functools.cache
def only_for_sbom() -> frozenset[str]:
    """Return the distributions that are installed only because the builder writes SBOMs by a library.

    A package may import one of them if it is there, as Pillow does with defusedxml. A bundle must not change by that.
    What the project itself imports, requires or includes goes in nevertheless. Where djbundle has an environment of its
    own, nothing of the project's is installed for it.
    """
    if is_separate():
        return frozenset()
    closed = _closure([SBOM_LIBRARY])
    needed: set[str] = set()
    for each in importlib.metadata.distributions(path=list(search_path())):
        name = canonicalize_name(each.name)
        if name not in closed and name != DJBUNDLE:
            needed |= {canonicalize_name(Requirement(text).name) for text in each.requires or () if "extra" not in text}
    return closed - needed


def _closure(names: Iterable[str]) -> frozenset[str]:
    """Return these distributions and their requirements, as far as they are installed beside djbundle."""
    closed: set[str] = set()
    waiting = [(name, frozenset[str]()) for name in names]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        own = next(iter(importlib.metadata.distributions(name=name, path=list(own_folders()))), None)
        if own is None:
            continue
        closed.add(name)
        extras = extras if name != DJBUNDLE else frozenset(own.metadata.get_all("Provides-Extra") or ())
        for each in map(Requirement, own.requires or ()):
            item = canonicalize_name(each.name), frozenset(each.extras)
            applies = each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras))
            if applies and item not in seen and item[0] not in NOT_NEEDED.get(name, ()):
                seen.add(item)
                waiting.append(item)
    return frozenset(closed)


class InstalledFile(NamedTuple):
    """A file of a distribution: its name relative to the folder of packages, with slashes, and its path."""

    name: str
    path: str

    @property
    def is_outside(self) -> bool:
        """True if the file lies outside of the folder of packages, as programs do."""
        return self.name.startswith(("/", "../"))


_files: dict[str, list[InstalledFile]] = {}  # a cache, by the folder of the distribution's metadata


def files_of(distribution: importlib.metadata.Distribution) -> list[InstalledFile]:
    """Return the files of a distribution that exist, without bytecode.

    The result is cached, because checking tens of thousands of files is slow.
    """
    key = str(getattr(distribution, "_path", id(distribution)))
    if key not in _files:
        base = str(distribution.locate_file(""))
        files = [InstalledFile(name, os.path.join(base, name)) for name in _recorded(distribution)]  # noqa: PTH118
        _files[key] = [file for file in files if os.path.isfile(file.path)]  # noqa: PTH113 - pathlib is slow
    return _files[key]


def _recorded(distribution: importlib.metadata.Distribution) -> Iterator[str]:
    """Yield the names of a distribution's files. `Distribution.files` makes an object with a path for each."""
    record = distribution.read_text("RECORD")
    names: Iterable[str] = (
        (line[0] for line in csv.reader(record.splitlines()) if line) if record else map(str, distribution.files or ())
    )
    for name in names:
        if "__pycache__/" not in name:
            yield posixpath.normpath(name) if UNUSUAL.search(name) else name


def builder_command(python: Path, statement: str) -> list[str]:
    """Return the command line that runs `statement` with djbundle's own packages first."""
    code = _OWN_FIRST.format(separator=os.pathsep, statement=statement)
    return [str(python), "-P", "-c", code, os.pathsep.join(own_folders())]


def project_command(statement: str) -> list[str]:
    """Return the command line that runs `statement` as the project would, in its folder.

    From djbundle's environment, it can import only djbundle and what its runtime needs (own_finder.py).
    """
    code = _OWN_LAST.format(statement=statement)
    return [sys.executable, "-P", "-c", code, _facts_of_finder()]


@functools.cache
def _facts_of_finder() -> str:
    """Return the arguments for an OwnFinder, as JSON."""
    names = sorted({DJBUNDLE, *_closure(RUNTIME_REQUIREMENTS)})
    modules = {DJBUNDLE}
    for name in names:
        for own in importlib.metadata.distributions(name=name, path=list(own_folders())):
            modules |= {re.split("[/.]", file.name)[0] for file in files_of(own) if file.name.endswith((".py", ".so"))}
    facts = {"folders": own_folders(), "modules": sorted(modules), "distributions": names}
    return json.dumps(facts)
