"""``djbundle audit`` reads records of OSV as their schema says: which versions a record is about, and what mends it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from djbundle.builder.reports.osv import find_vulnerabilities, is_affected, read_records
from djbundle.errors import OptionError


def record(identifier: str, name: str = "Django", **fields: Any) -> dict[str, Any]:
    """Return a record as osv.dev exports it; `fields` are of its affected package, or of itself."""
    own = {key: fields.pop(key) for key in ("withdrawn", "summary", "details", "aliases") if key in fields}
    affected = {"package": {"name": name, "ecosystem": "PyPI", "purl": f"pkg:pypi/{name.lower()}"}, **fields}
    return {
        "schema_version": "1.7.0",
        "id": identifier,
        "modified": "2026-11-01T00:00:00Z",
        "affected": [affected],
    } | own


def ecosystem(*events: tuple[str, str]) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": [{kind: version} for kind, version in events]}]}


TWO_BRANCHES = ecosystem(("introduced", "5.2"), ("fixed", "5.2.9"), ("introduced", "6.0a1"), ("fixed", "6.0.4"))


@pytest.mark.parametrize(
    ("affected", "version", "expected"),
    [
        (ecosystem(("introduced", "0"), ("fixed", "4.2.1")), "4.2", True),
        (ecosystem(("introduced", "0"), ("fixed", "4.2.1")), "0.0.1a1", True),
        (ecosystem(("introduced", "0"), ("fixed", "4.2.1")), "4.2.1", False),
        (ecosystem(("introduced", "0"), ("fixed", "4.2.1")), "4.2.1rc1", True),
        (ecosystem(("introduced", "0"), ("fixed", "4.10")), "4.9", True),  # numbers, not texts
        (ecosystem(("introduced", "4.2")), "4.1", False),
        (ecosystem(("introduced", "4.2")), "99", True),
        (ecosystem(("introduced", "0"), ("last_affected", "4.2")), "4.2", True),
        (ecosystem(("introduced", "0"), ("last_affected", "4.2")), "4.2.post1", False),
        (TWO_BRANCHES, "5.2.8", True),
        (TWO_BRANCHES, "5.2.9", False),
        (TWO_BRANCHES, "6.0.3", True),
        (TWO_BRANCHES, "6.0.4", False),
        (ecosystem(("fixed", "2"), ("introduced", "1")), "1.5", True),  # events in any order
        ({"versions": ["1.0", "1.1"]}, "1.0.0", True),  # the same version, as packaging compares them
        ({"versions": ["1.0", "1.1"]}, "1.2", False),
        ({"versions": ["1.0"], **ecosystem(("introduced", "2"), ("fixed", "3"))}, "2.5", True),
        ({"versions": ["not a version"]}, "1", False),
        ({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, "1", False),
        ({}, "1", False),
    ],
)
def test_which_versions(affected: dict[str, Any], version: str, expected: bool) -> None:
    assert is_affected(Version(version), affected) is expected


def test_what_is_told_of_a_vulnerability() -> None:
    known = record("PYSEC-2026-7", aliases=["CVE-2026-7", "GHSA-x"], details="# Long\ntext", **TWO_BRANCHES)
    known["database_specific"] = {"severity": "HIGH"}
    (found,) = find_vulnerabilities({"django": "6.0.2", "other": "1"}, [known])
    assert (found.id, found.package, found.version, found.fixed) == ("PYSEC-2026-7", "django", "6.0.2", ["6.0.4"])
    assert (found.aliases, found.severity, found.summary) == (["CVE-2026-7", "GHSA-x"], "HIGH", "Long")


def test_what_does_not_count() -> None:
    """Withdrawn records, other ecosystems and other packages."""
    everything = ecosystem(("introduced", "0"))
    elsewhere = record("CVE-1", **everything)
    elsewhere["affected"][0]["package"]["ecosystem"] = "npm"
    records = [
        elsewhere,
        record("PYSEC-1", withdrawn="2026-01-01T00:00:00Z", **everything),
        record("PYSEC-2", "django-filter", **everything),
    ]
    assert find_vulnerabilities({"django": "6.1"}, records) == []


def test_names_are_compared_as_pypi_does() -> None:
    found = find_vulnerabilities({"zope-interface": "1"}, [record("P-1", "Zope.Interface", versions=["1"])])
    assert [(each.id, each.fixed) for each in found] == [("P-1", [])]


def test_an_export_is_a_folder_or_a_zip_file(tmp_path: Path) -> None:
    records = [record(f"PYSEC-{number}", versions=["1"]) for number in range(3)]
    folder, archive = tmp_path / "export", tmp_path / "all.zip"
    (folder / "below").mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as file:
        for each in records:
            (folder / "below" / f"{each['id']}.json").write_text(json.dumps(each))
            file.writestr(f"{each['id']}.json", json.dumps(each))
        file.writestr("README.txt", "no record")
    assert [*read_records(folder)] == [*read_records(archive)] == records


def test_no_export(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "one.json").write_text("{")
    (tmp_path / "no.zip").write_text("text")
    for name, words in {
        "empty": "no records",
        "damaged": "one.json .* no JSON",
        "no.zip": "cannot read",
        "absent": "cannot read",
    }.items():
        with pytest.raises(OptionError, match=words):
            list(read_records(tmp_path / name))
