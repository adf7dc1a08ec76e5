"""The manifest: all that the builder tells the runtime about a bundle.

It is ``djbundle.json`` at the root of the tree. Facts that the runtime can find out by itself are not in it.
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
    """The versions that a bundle was built from, and when. ``./shop version`` shows them."""

    djbundle: str
    python: str
    django: str
    sqlite: str
    date: str  # ISO 8601, UTC, whole seconds
    git_commit: str | None  # 40 hex digits, with "+dirty" appended if the work tree had changes


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that the project reads. Its value is never in the bundle."""

    name: str
    needed: bool  # whether the settings fail to import without it
    place: str  # where it is first read: "shop/settings.py:12"


@dataclass(frozen=True, slots=True)
class MachineTie:
    """A line of the project that ties the site to one machine, such as one that writes a file there."""

    place: str  # "shop/views.py:12"
    cause: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The facts about one bundle that its runtime needs."""

    name: str  # "shop": the name of the executable and of the data directory
    version: str  # the project's own, else its short commit, else "0"
    settings_module: str  # "shop.settings"
    settings_class: str = ""  # of django-configurations
    interface: Interface
    application: str | None  # "shop.wsgi.application", which Granian serves; None for Django's own WSGI application
    signer: str = ""  # PEM public key that must verify a new version; "" if no signature is required
    static_root: str  # folder of collected, hashed and compressed static files, relative to the root
    build: BuildInfo
    variables: tuple[Variable, ...] = ()
    library_data: dict[str, str] = field(default_factory=dict)  # paths relative to the root, by variable
    places_of_settings: dict[str, str] = field(default_factory=dict)  # "shop/settings.py:12", by setting
    machine_ties: tuple[MachineTie, ...] = ()  # of the code; those of the settings depend on the server's environment
    format: int = FORMAT

    def write(self, root: Path) -> None:
        (root / FILE_NAME).write_text(self.to_json())

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, root: Path) -> Self:
        fields = json.loads((root / FILE_NAME).read_bytes())
        variables = tuple(Variable(**variable) for variable in fields["variables"])
        ties = tuple(MachineTie(**tie) for tie in fields.get("machine_ties", ()))  # older bundles have none
        parsed = {"build": BuildInfo(**fields["build"]), "variables": variables, "machine_ties": ties}
        return cls(**fields | parsed)
