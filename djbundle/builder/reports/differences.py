"""``djbundle diff``: what a new version of a bundle changes."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from djbundle.builder.archive.read import BundleFile
from djbundle.builder.reports.contents import Contents, python_packages
from djbundle.builder.reports.sizes import inspect
from djbundle.builder.reports.treemap import megabytes

MIGRATION = re.compile(r"(?:.*/)?([^/]+)/migrations/(\d[^/]*)\.pyc")
NAMED = ("djbundle", "python", "django", "sqlite")  # versions in the manifest
SETTINGS = ("settings_module", "interface", "application")  # of the manifest
WHOLE = "(the whole file)"
LEAST = 10_000  # bytes; smaller changes of a size are not printed


@dataclass(frozen=True, slots=True)
class Change:
    """A thing that is another one; `old` or `new` is "" where it is missing."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class SizeChange:
    """The bytes of a package in both bundles."""

    name: str
    old: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The differences of two bundles; `to_json` returns what ``--json`` prints."""

    versions: list[Change]  # of the project, Python, Django, SQLite and djbundle
    packages: list[Change]
    settings: list[Change]  # what the manifest has of them
    variables: list[Change]  # which the settings read: "needed" or "optional"
    migrations: list[Change]  # "there" in the bundles that have it
    sizes: list[SizeChange]  # of what has another size, and of the whole file

    @classmethod
    def of(cls, old: Path, new: Path) -> Self:
        files = BundleFile.open(old), BundleFile.open(new)
        contents = [Contents.of(each) for each in files]
        has_groups = all(each.sbom for each in contents)  # an older bundle does not tell what belongs to what
        sizes = [_sizes(each, has_groups=has_groups) for each in files]
        return cls(
            versions=changes(*map(_versions, contents)),
            packages=changes(*map(python_packages, files)),
            settings=changes(*map(_settings, contents)),
            variables=changes(*map(_variables, contents)),
            migrations=changes(*map(_migrations, files)),
            sizes=[
                SizeChange(name, sizes[0].get(name, 0), sizes[1].get(name, 0))
                for name in sorted({*sizes[0], *sizes[1]})
                if sizes[0].get(name, 0) != sizes[1].get(name, 0)
            ],
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    def lines(self) -> Iterator[str]:
        """Yield the text for a terminal."""
        sections = {
            "versions": self.versions,
            "packages": self.packages,
            "settings": self.settings,
            "variables": self.variables,
            "migrations": self.migrations,
        }
        for title, items in sections.items():
            yield from _section(title, [f"{each.name}  {each.old or '-'} -> {each.new or '-'}" for each in items])
        large = sorted(self.sizes, key=lambda each: -abs(each.new - each.old))
        shown = [each for each in large if abs(each.new - each.old) >= LEAST]
        lines = (f"{each.name}  {megabytes(each.old)} -> {megabytes(each.new)}" for each in shown)
        yield from _section("sizes", [*lines])
        if not any((*sections.values(), shown)):
            yield "no difference in versions, packages, settings, variables, migrations and sizes"


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield title
        yield from (f"  {line}" for line in lines)


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """Return what differs, by name."""
    names = sorted({*old, *new})
    return [Change(each, old.get(each, ""), new.get(each, "")) for each in names if old.get(each) != new.get(each)]


def _versions(contents: Contents) -> dict[str, str]:
    manifest = contents.manifest
    return {manifest["name"]: manifest["version"]} | {name: manifest["build"][name] for name in NAMED}


def _settings(contents: Contents) -> dict[str, str]:
    """Return what the manifest has of the settings. Which they are, and where: their values depend on variables."""
    manifest = contents.manifest
    own = {name: str(value) for name in SETTINGS if (value := manifest.get(name))}
    if signer := manifest.get("signer"):
        own["signer"] = f"key {hashlib.sha256(signer.encode()).hexdigest()[:16]}"
    return dict.fromkeys(manifest.get("places_of_settings", {}), "set") | own


def _variables(contents: Contents) -> dict[str, str]:
    return {each["name"]: "needed" if each["needed"] else "optional" for each in contents.manifest["variables"]}


def _migrations(bundle: BundleFile) -> dict[str, str]:
    found = (MIGRATION.fullmatch(each.name) for each in bundle.files)
    return {f"{match[1]} {match[2]}": "there" for match in found if match}


def _sizes(bundle: BundleFile, *, has_groups: bool) -> dict[str, int]:
    """Return the sizes of packages, without their versions, and of the whole file."""
    if not has_groups:
        return {WHOLE: bundle.size}
    groups = {each.name: each.stored for each in inspect(bundle).groups}
    packages = {re.sub(r" \d\S*$", "", name): size for name, size in groups.items()}
    return packages | {WHOLE: bundle.size}
