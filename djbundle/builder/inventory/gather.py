"""Gather the components of a bundle, so that each file of machine code belongs to one of them."""

from collections.abc import Collection
from pathlib import Path

import djbundle
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.target import Target
from djbundle.builder.core.tree import LICENSES_FOLDER, File, Part, Tree, base_of
from djbundle.builder.dependencies.package_selection import Dependency
from djbundle.builder.inventory.component import Component
from djbundle.builder.inventory.machine_code import elf_files, linked_libraries, upstream
from djbundle.builder.inventory.python_packages import component_of, names_in
from djbundle.builder.inventory.system_packages import SystemPackage, owners_of
from djbundle.builder.native import compiler, sqlite
from djbundle.builder.native.libraries import VFS, sqlite_version_of
from djbundle.builder.native.nuitka import MODULE
from djbundle.contract.inventory import HOLDS, TEXT
from djbundle.contract.layout import LIBRARIES

LAUNCHER = "(launcher)"  # the first bytes of a bundle; it has no name in the tree
OWN_LIBRARIES = (VFS, f"{LIBRARIES}/{sqlite.COLUMN_NAMES}")
SHARED_PREFIXES = (Path("usr"), Path("usr/local"))  # folders of Python that other software is in too
DJBUNDLE_LICENSE = "MIT"


class Gathering:
    """The components of one bundle, and which of them owns which file."""

    def __init__(self, tree: Tree, dependencies: Collection[Dependency], target: Target, cache: Cache) -> None:
        self._tree, self._target, self._cache = tree, target, cache
        self._system: dict[str, Component] = {}  # by package URL
        libraries = (file.name for file in tree if file.part == "libraries" and file.name in tree.origins)
        self._packages = owners_of((tree.origins[name] for name in libraries), target.root)
        self._owners: dict[str, Component] = {}  # of the files of distributions
        self.packages = []
        for dependency in dependencies:
            component = component_of(dependency, tree, cache.digests)
            self.packages.append(component)
            for name in names_in(dependency, tree):
                self._owners.setdefault(name, component)
        self.python = self._python()
        self.djbundle = Component(
            "application",
            "djbundle",
            djbundle.__version__,
            purl=f"pkg:pypi/djbundle@{djbundle.__version__}",
            licenses=[DJBUNDLE_LICENSE],
            properties=[(HOLDS, "djbundle")],
        )
        self.sqlite: Component | None = None

    def components(self, project: Component, launcher: Path) -> list[Component]:
        """Return all components but the project's, which gets its files as parts."""
        for file in elf_files(self._tree):
            self._add_file(file, self._owner(file, project))
        digest = self._cache.digests.of(launcher)
        self.djbundle.add_part(Component("file", LAUNCHER, sha256=digest))
        project.properties += [(HOLDS, top) for top in self._tops("project")]
        found = [self.python, self.djbundle, self._zstd(), *self.packages, *self._system.values()]
        return [*found, self.sqlite] if self.sqlite else found

    def _add_file(self, file: File, owner: Component) -> None:
        part = Component("file", file.name, sha256=self._cache.digests.of(file.source))
        owner.add_part(part)
        for library in linked_libraries(file.source):
            if (library.name, library.version) != (owner.name, owner.version):
                owner.add_part(library)

    def _owner(self, file: File, project: Component) -> Component:
        if owner := self._owners.get(file.name):
            return owner
        if file.name in OWN_LIBRARIES:
            return self.djbundle
        if file.part == "project" or base_of(file.name).startswith(f"{MODULE}."):
            return project
        if file.name == f"{LIBRARIES}/{sqlite.LIBRARY}" and not self._target.is_other and sqlite.find_source().library:
            self.sqlite = self.sqlite or upstream("sqlite", sqlite_version_of(self._target))
            return self.sqlite
        if file.part == "libraries":
            return self._of_system(file)
        return self.python if file.part == "python" else project

    def _of_system(self, file: File) -> Component:
        """Return the component of a shared library: a package of the system, else the library itself."""
        origin = self._tree.origins.get(file.name, file.source)
        package = self._packages.get(origin)
        if package is None and self._is_of_python(file, origin):
            return self.python
        key = package.purl if package else file.name
        if key not in self._system:
            self._system[key] = self._of_package(package) if package else self._of_unknown(file)
        return self._system[key]

    def _is_of_python(self, file: File, origin: Path) -> bool:
        """Return whether a library came with Python itself, as in the folder that uv or pyenv has made for it."""
        has_own_folder = self._target.prefix.relative_to(self._target.root) not in SHARED_PREFIXES
        return base_of(file.name).startswith("libpython") or (
            has_own_folder and origin.is_relative_to(self._target.prefix)
        )

    def _of_package(self, package: SystemPackage) -> Component:
        component = Component(
            "library", package.name, package.version, purl=package.purl, licenses=list(package.licenses)
        )
        for path in package.texts:
            name = f"{LICENSES_FOLDER}/{package.name if path.name == 'copyright' else path.name}.txt"
            self._tree.add(name, path, "inventory")
            component.properties.append((TEXT, name))
        return component

    def _of_unknown(self, file: File) -> Component:
        name = base_of(file.name).partition(".so")[0]
        return Component("library", name, purl=f"pkg:generic/{name}")

    def _python(self) -> Component:
        component = upstream("python", self._target.version)
        component.kind = "application"
        text = f"{LICENSES_FOLDER}/python.txt"
        component.properties += [(TEXT, text)] * (text in self._tree)
        component.properties += [(HOLDS, top) for top in self._tops("python") if top != "djbundle"]
        return component

    def _tops(self, part: Part) -> list[str]:
        """Return the names at the root of the tree under which a part has files."""
        return sorted({file.name.partition("/")[0] for file in self._tree if file.part == part})

    def _zstd(self) -> Component:
        """Return the component of zstd, which launcher and virtual root unpack with."""
        version = compiler.zstd_version()
        text = f"{LICENSES_FOLDER}/zstd.txt"
        return Component(
            "library",
            "zstd",
            version,
            purl=f"pkg:generic/zstd@{version}",
            cpe=f"cpe:2.3:a:facebook:zstandard:{version}:*:*:*:*:*:*:*",
            licenses=["BSD-3-Clause"],
            properties=[(TEXT, text)] * (text in self._tree),
        )
