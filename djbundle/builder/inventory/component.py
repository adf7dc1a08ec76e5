"""The record of one component in a bundle: a package, a library inside a package, or a file of machine code."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["application", "library", "file"]
Property = tuple[str, str]  # the keys are those of contract/inventory.py


@dataclass(slots=True)
class Component:
    """A component, and what it contains."""

    kind: Kind
    name: str  # of a file: its path in the bundle
    version: str = ""
    purl: str = ""  # package URL, such as "pkg:pypi/django@6.1.3"
    cpe: str = ""
    licenses: list[str] = field(default_factory=list)  # SPDX expressions or names
    sha256: str = ""
    properties: list[Property] = field(default_factory=list)
    parts: list["Component"] = field(default_factory=list)

    def add_part(self, part: "Component") -> None:
        """Add a part, unless one with this name and version is there."""
        if all((part.kind, part.name, part.version) != (each.kind, each.name, each.version) for each in self.parts):
            self.parts.append(part)

    def each(self) -> list["Component"]:
        """Return this component and everything in it."""
        return [self, *(item for part in self.parts for item in part.each())]
