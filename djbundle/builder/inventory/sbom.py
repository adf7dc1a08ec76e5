"""Write components as an SBOM in CycloneDX's format, version 1.6. Two builds of the same files have the same bytes."""

import datetime
import uuid
from collections.abc import Collection, Iterable
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component as Item
from cyclonedx.model.component import ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

import djbundle
from djbundle.builder.core.cache import hash_of
from djbundle.builder.core.tree import Tree
from djbundle.builder.inventory.component import Component
from djbundle.builder.inventory.gather import Gathering
from djbundle.builder.project.project import Project
from djbundle.contract.inventory import SBOM

License = LicenseExpression | DisjunctiveLicense
FACTORY = LicenseFactory()


def add_sbom(tree: Tree, project: Project, gathering: Gathering, launcher: Path, built: int) -> None:
    """Add the SBOM and the licence texts to a tree that has everything else; `built` is in seconds since 1970."""
    own = Component("application", project.name, project.version)
    components = gathering.components(own, launcher)
    tree.add_text(SBOM, to_json(own, components, built), "inventory")


def to_json(project: Component, components: Iterable[Component], built: int) -> str:
    """Return the SBOM of a project with these components."""
    return _Writer().write(project, sorted(components, key=lambda each: (each.name, each.version)), built)


class _Writer:
    """Makes one document. Each component has a reference of its own in it."""

    def __init__(self) -> None:
        self._references: set[str] = set()

    def write(self, project: Component, components: list[Component], built: int) -> str:
        root = self._item(project)
        items = [self._item(each) for each in components]
        digest = hash_of(repr(project), *map(repr, components), str(built))
        bom = Bom(components=items, serial_number=uuid.uuid5(uuid.NAMESPACE_OID, digest))
        bom.metadata.timestamp = datetime.datetime.fromtimestamp(built, datetime.UTC)
        bom.metadata.component = root
        bom.metadata.tools.components.add(
            Item(name="djbundle", version=djbundle.__version__, type=ComponentType.APPLICATION, bom_ref="tool")
        )
        bom.register_dependency(root, items)
        return JsonV1Dot6(bom).output_as_string()

    def _item(self, component: Component, above: str = "") -> Item:
        reference = self._reference(component, above)
        return Item(
            name=component.name,
            type=ComponentType(component.kind),
            bom_ref=BomRef(reference),
            version=component.version or None,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=component.sha256)] if component.sha256 else (),
            licenses=licenses_of(component.licenses),
            purl=PackageURL.from_string(component.purl) if component.purl else None,
            properties=[Property(name=name, value=value) for name, value in component.properties],
            cpe=component.cpe or None,
            components=[self._item(each, reference) for each in component.parts],
        )

    def _reference(self, component: Component, above: str) -> str:
        """Return a reference that no other component has."""
        name = component.purl or f"{component.kind}:{component.name}"
        wanted = name if component.kind == "file" or not above else f"{above}#{name}"
        reference, number = wanted, 1
        while reference in self._references:
            number += 1
            reference = f"{wanted}#{number}"
        self._references.add(reference)
        return reference


def licenses_of(names: Collection[str]) -> list[License]:
    """Return licences as CycloneDX has them: one SPDX expression, or any number of identifiers and names."""
    if len(names) == 1:
        return [FACTORY.make_from_string(next(iter(names)))]
    licenses = map(FACTORY.make_from_string, names)
    return [
        DisjunctiveLicense(name=each.value) if isinstance(each, LicenseExpression) else each  # not beside others
        for each in licenses
    ]
