"""The Python distributions of a bundle as components: their versions, licences, texts and files."""

import hashlib
import re
from collections.abc import Iterable
from email.message import Message
from pathlib import Path
from typing import cast

from djbundle.builder.contents.package_files import METADATA, distribution_files
from djbundle.builder.core.digests import Digests
from djbundle.builder.core.tree import Tree, base_of
from djbundle.builder.dependencies.package_selection import Dependency
from djbundle.builder.inventory.component import Component
from djbundle.builder.inventory.wheel_sboms import components_of, is_sbom
from djbundle.builder.project.installed import files_of
from djbundle.contract.inventory import HOLDS, LISTED, TEXT

LICENSE_FILE = re.compile(r"(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)
CLASSIFIER = "License :: "
LONGEST_NAME = 100  # characters; older packages have the whole text in the field for the name


def component_of(dependency: Dependency, tree: Tree, digests: Digests) -> Component:
    """Return the component of a distribution, without its files of machine code."""
    names = names_in(dependency, tree)
    metadata = cast("Message", dependency.distribution.metadata)
    component = Component(
        "library",
        dependency.name,
        dependency.version,
        purl=f"pkg:pypi/{dependency.name}@{dependency.version}",
        licenses=licenses_of(metadata),
    )
    if names:
        component.properties.append((LISTED, hash_of_files(names, tree, digests)))
    component.properties += [(TEXT, name) for name in names if is_license(name)]
    component.properties += [(HOLDS, top) for top in sorted({name.partition("/")[0] for name in names})]
    for file in files_of(dependency.distribution):
        if is_sbom(file.name):
            for part in components_of(Path(file.path), dependency.name):
                component.add_part(part)
    return component


def names_in(dependency: Dependency, tree: Tree) -> list[str]:
    """Return the names of a distribution's files in the tree, sorted."""
    names = {name for name, _path in distribution_files(dependency)}
    names |= {f"{name}c" for name in names if name.endswith(".py")}
    return sorted(name for name in names if name in tree)


def hash_of_files(names: Iterable[str], tree: Tree, digests: Digests) -> str:
    """Return the SHA-256 of the list of these files that sha256sum(1) would print."""
    lines = (f"{digests.of(tree[name].source)}  {name}\n" for name in names)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_license(name: str) -> bool:
    """Return whether a file of a distribution is a licence text: PEP 639 has a folder for them."""
    folder = name.partition("/")[0]
    if not folder.endswith(METADATA):
        return False
    return name.startswith(f"{folder}/licenses/") or bool(LICENSE_FILE.match(base_of(name)))


def licenses_of(metadata: Message) -> list[str]:
    """Return what the metadata says: an SPDX expression, else the classifiers, else a short name."""
    if expression := metadata.get("License-Expression"):
        return [str(expression)]
    classifiers = [str(each) for each in metadata.get_all("Classifier") or () if str(each).startswith(CLASSIFIER)]
    names = [last for each in classifiers if (last := each.rpartition(" :: ")[2]) != "OSI Approved"]
    if names:
        return sorted(set(names))
    name = str(metadata.get("License") or "").strip()
    return [name] if name and name != "UNKNOWN" and "\n" not in name and len(name) <= LONGEST_NAME else []
