"""Read vulnerability records in the format of OSV (ossf.github.io/osv-schema), as osv.dev exports them for PyPI."""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from djbundle.errors import OptionError

ECOSYSTEM = "PyPI"
FIRST = Version("0.dev0")  # "0" in a record means before every version
ORDER = {"introduced": 0, "fixed": 1, "last_affected": 2}
ADVICE = "give the export of PyPI: osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip, or its files in a folder"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A record that names a package of a bundle in this version."""

    id: str
    aliases: list[str]
    package: str
    version: str
    fixed: list[str]  # versions without it, the lowest first; later than the one in the bundle
    severity: str  # of the database: "HIGH"; "" if it tells none
    summary: str


def read_records(export: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a folder or a ZIP file. Raises OptionError if it has none, or cannot be read."""
    count, name = 0, ""
    try:
        for name, content in _contents(export):  # noqa: B007 - the error below names it
            record = json.loads(content)
            if isinstance(record, dict) and "affected" in record:
                count += 1
                yield record
    except (OSError, zipfile.BadZipFile) as error:
        raise OptionError(f"cannot read {export}: {error}", ADVICE) from error
    except ValueError as error:
        raise OptionError(f"{name} in {export} is no JSON: {error}", ADVICE) from error
    if not count:
        raise OptionError(f"{export} has no records of OSV", ADVICE)


def _contents(export: Path) -> Iterator[tuple[str, bytes]]:
    if export.is_dir():
        for path in sorted(export.rglob("*.json")):
            yield path.name, path.read_bytes()
    else:
        with zipfile.ZipFile(export) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".json"):
                    yield name, archive.read(name)


def find_vulnerabilities(packages: Mapping[str, str], records: Iterable[dict[str, Any]]) -> list[Vulnerability]:
    """Return what the records know of these packages, by package and identifier. `packages` are versions by name."""
    found = [each for record in records if "withdrawn" not in record for each in _matches(record, packages)]
    return sorted(found, key=lambda each: (each.package, each.id))


def _matches(record: dict[str, Any], packages: Mapping[str, str]) -> Iterator[Vulnerability]:
    hits: dict[str, set[Version]] = {}  # versions with a fix, by package
    for affected in record["affected"]:
        package = affected.get("package", {})
        if package.get("ecosystem", "").partition(":")[0] != ECOSYSTEM:
            continue
        name = str(canonicalize_name(package.get("name", "")))
        version = _version(packages.get(name, ""))
        if version is not None and is_affected(version, affected):
            hits.setdefault(name, set()).update(_fixes(version, affected))
    for found, fixes in hits.items():
        yield Vulnerability(
            record["id"],
            record.get("aliases", []),
            found,
            packages[found],
            [str(each) for each in sorted(fixes)],
            str(record.get("database_specific", {}).get("severity", "")),
            _summary(record),
        )


def _summary(record: dict[str, Any]) -> str:
    """Return the summary, else the first line of the details."""
    text = record.get("summary") or record.get("details") or ""
    return str(text).strip().partition("\n")[0].lstrip("# ")


def is_affected(version: Version, affected: Mapping[str, Any]) -> bool:
    """Return whether a version is in the list or in one of the ranges of a record's package."""
    if any(_version(each) == version for each in affected.get("versions", ())):
        return True
    return any(_is_in(version, each["events"]) for each in _ranges(affected))


def _ranges(affected: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each for each in affected.get("ranges", ()) if each.get("type") == "ECOSYSTEM"]


def _is_in(version: Version, events: Iterable[Mapping[str, str]]) -> bool:
    """Return whether a version is in a range, as the schema says: the last event up to it decides."""
    inside = False
    for each, kind in _sorted(events):
        if kind == "introduced" and version >= each:
            inside = True
        elif (kind == "fixed" and version >= each) or (kind == "last_affected" and version > each):
            inside = False
    return inside


def _sorted(events: Iterable[Mapping[str, str]]) -> list[tuple[Version, str]]:
    parsed = [
        (FIRST if text == "0" else version, kind)
        for event in events
        for kind, text in event.items()
        if kind in ORDER and (version := _version(text)) is not None
    ]
    return sorted(parsed, key=lambda each: (each[0], ORDER[each[1]]))


def _fixes(version: Version, affected: Mapping[str, Any]) -> set[Version]:
    """Return the next version with a fix in each range that has `version`."""
    fixes = set()
    for each in _ranges(affected):
        if _is_in(version, each["events"]):
            later = [fix for fix, kind in _sorted(each["events"]) if kind == "fixed" and fix > version]
            fixes |= {*later[:1]}
    return fixes


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
