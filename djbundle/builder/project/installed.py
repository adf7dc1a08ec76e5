"""Installed packages: the project's and djbundle's own, which may lie in two environments.

djbundle may run from an environment of its own (see environment.py). Then the builder's modules come from there. The
functions below find the project's packages: first in the project's environment, then in djbundle's.
"""

import csv
import functools
import importlib.metadata
import os
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

OWN_PACKAGES = ("djbundle", "granian", "nuitka", "zstandard")  # djbundle itself may be a checkout in another folder
PACKAGE_FOLDERS = ("site-packages", "dist-packages")
UNUSUAL = re.compile(r"^\./|/\.?/")  # in a name: it can be written shorter

# Run by ``python -P -c``, with the folders of djbundle's own packages as the first argument.
_OWN_FIRST = "import sys; sys.path[:0] = sys.argv.pop(1).split({separator!r}); {statement}"
# The same for a process that prefers the project's packages. It always imports this djbundle.
_OWN_LAST = """\
import os, sys
own, rest = sys.argv.pop(1).split({separator!r}), sys.path[:]
sys.path[:] = own
import djbundle
sys.path[:] = [os.getcwd(), *rest, *(folder for folder in own if folder not in rest)]
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


def distributions() -> Iterable[importlib.metadata.Distribution]:
    """Return all installed distributions.

    One that is installed twice comes twice, the project's first.
    """
    return importlib.metadata.distributions(path=list(search_path()))


def is_of_project(distribution: importlib.metadata.Distribution) -> bool:
    """Return whether a distribution lies in the project's environment, which may also be djbundle's."""
    own = set(map(Path, own_folders()))
    return own.issuperset(package_folders()) or Path(str(distribution.locate_file(""))) not in own


def distribution(name: str) -> importlib.metadata.Distribution:
    """Return the project's distribution of this name, else djbundle's.

    Raises importlib.metadata.PackageNotFoundError if neither has one.
    """
    for match in importlib.metadata.distributions(name=name, path=list(search_path())):
        return match
    raise importlib.metadata.PackageNotFoundError(name)


def is_for_project(name: str) -> bool:
    """Return whether a distribution of this name is installed in the project's environment."""
    try:
        return is_of_project(distribution(name))
    except importlib.metadata.PackageNotFoundError:
        return False


class InstalledFile(NamedTuple):
    """A file of a distribution: its name relative to the folder of packages, with slashes, and its path."""

    name: str
    path: str

    @property
    def is_outside(self) -> bool:
        """It says whether the file lies outside of the folder of packages, as programs do."""
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
    """Return the command line that runs `statement` as the project would, in its folder."""
    code = _OWN_LAST.format(separator=os.pathsep, statement=statement)
    return [sys.executable, "-P", "-c", code, os.pathsep.join(own_folders())]
