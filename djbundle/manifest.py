"""The record that the builder writes and the runtime reads: all that the two sides know of each other.

It lies as ``djbundle.json`` at the root of the tree. What the runtime can find out by itself is not in it.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

FILE_NAME = "djbundle.json"
FORMAT = 1

Interface = Literal["wsgi", "asgi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInfo:
    """Where a bundle comes from; shown by ``./shop version``."""

    djbundle: str
    python: str
    django: str
    sqlite: str
    date: str  # ISO 8601, UTC, whole seconds
    git_commit: str | None  # 40 hex digits, with "+dirty" behind when the work tree was changed


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that the project reads. Its value is never in the bundle."""

    name: str
    needed: bool  # without it the settings do not import
    place: str  # where it is read first: "shop/settings.py:12"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One bundle, as its runtime must know it."""

    name: str  # "shop": the name of the executable and of the data directory
    version: str  # the project's own; else its commit, shortened; else "0"
    settings_module: str  # "shop.settings"
    settings_class: str = ""  # of django-configurations
    interface: Interface
    application: str | None  # "shop.wsgi.application": what Granian serves; None: Django's own for WSGI
    signer: str = ""  # the public key, PEM, by which a new version must be signed; "" where none must
    static_root: str  # folder of collected, hashed and compressed static files, relative to the root
    build: BuildInfo
    variables: tuple[Variable, ...] = ()
    library_data: dict[str, str] = field(default_factory=dict)  # by the variable that names it, relative to the root
    format: int = FORMAT

    def write(self, root: Path) -> None:
        (root / FILE_NAME).write_text(self.to_json())

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, root: Path) -> Self:
        fields = json.loads((root / FILE_NAME).read_bytes())
        variables = tuple(Variable(**variable) for variable in fields["variables"])
        return cls(**fields | {"build": BuildInfo(**fields["build"]), "variables": variables})
