"""``djbundle inspect`` and ``djbundle audit`` read a bundle without running it."""

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from djbundle.builder.archive.read import BundleFile
from djbundle.builder.reports.sizes import shares_of
from djbundle.errors import VULNERABILITIES_FOUND
from tests.conftest import DJBUNDLE

SVG = "{http://www.w3.org/2000/svg}"


def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([DJBUNDLE, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stderr
    return result


@pytest.fixture(scope="module")
def extracted(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspected") / "tree"
    subprocess.run([shop, "extract", folder], check=True, capture_output=True, env={})
    return folder


@pytest.fixture(scope="module")
def inspection(shop: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(run("inspect", shop, "--json").stdout)
    return record


def test_what_is_read_is_what_the_bundle_has(shop: Path, extracted: Path) -> None:
    bundle = BundleFile.open(shop)
    files = {str(path.relative_to(extracted)): path for path in extracted.rglob("*") if path.is_file()}
    assert {each.name for each in bundle.files if not each.is_link} == {*files}
    for file, content in bundle.contents():
        assert file.size == files[file.name].stat().st_size
        if bytes(content[:4]) != b"\x7fELF":  # blocks have machine code filtered
            assert content == files[file.name].read_bytes(), file.name


def test_the_sizes_are_those_of_the_file(shop: Path, inspection: dict[str, Any]) -> None:
    groups = {each["name"].partition(" ")[0]: each for each in inspection["groups"]}
    assert sum(each["stored"] for each in groups.values()) == inspection["size"] == shop.stat().st_size
    assert {"python", "django", "granian", "pillow", "static", "shared", "shop", "djbundle"} <= {*groups}
    assert "others" not in groups
    assert 0 < groups["launcher"]["stored"] < 400_000
    assert sum(shares_of(BundleFile.open(shop)).values()) == inspection["size"] - groups["launcher"]["stored"]
    assert groups["django"]["stored"] < groups["django"]["raw"]
    stored = sum(each["stored"] for each in inspection["coding"])
    assert abs(stored - sum(each["stored"] for each in inspection["groups"]) + groups["launcher"]["stored"]) < 5000


def test_facts_are_those_of_the_bundle(shop: Path, extracted: Path, inspection: dict[str, Any]) -> None:
    versions = json.loads(subprocess.run([shop, "version", "--json"], capture_output=True, check=True, env={}).stdout)
    assert inspection["build"]["python"] == versions["python"]
    assert inspection["packages"]["django"] == versions["django"]
    assert inspection["machine"] == "x86_64"
    files = (path for path in extracted.rglob("*") if path.is_file())
    elf = {str(path.relative_to(extracted)) for path in files if path.read_bytes().startswith(b"\x7fELF")}
    assert {*inspection["machine_code"]} == elf


def test_table_and_picture(shop: Path, tmp_path: Path) -> None:
    printed = run("inspect", shop, "--svg", tmp_path / "shop.svg").stdout
    assert "django 6" in printed
    assert "by compression" in printed
    root = ET.parse(tmp_path / "shop.svg").getroot()
    _left, _top, width, height = map(float, root.attrib["viewBox"].split())
    rectangles = [
        {key: float(each.get(key, 0)) for key in ("x", "y", "width", "height")} for each in root.iter(f"{SVG}rect")
    ]
    assert len(rectangles) > 50
    for each in rectangles:
        assert each["x"] + each["width"] <= width + 1
        assert each["y"] + each["height"] <= height + 1
    titles = [each.text or "" for each in root.iter(f"{SVG}title")]
    assert any(title.startswith("django 6") for title in titles)


def test_a_bundle_need_not_run(shop: Path, tmp_path: Path) -> None:
    """It may be for another processor, and it need not be executable. Of its launcher, only the machine is read."""
    content = bytearray(shop.read_bytes())
    content[18:20] = (183).to_bytes(2, "little")  # e_machine: EM_AARCH64
    (tmp_path / "other").write_bytes(content)
    record = json.loads(run("inspect", tmp_path / "other", "--json").stdout)
    assert (record["machine"], record["size"]) == ("aarch64", len(content))


def test_files_that_are_no_bundles(shop: Path, tmp_path: Path) -> None:
    content = shop.read_bytes()
    for name, data in {"empty": b"", "text": b"no bundle" * 100, "short": content[:-1], "cut": content[1000:]}.items():
        (tmp_path / name).write_bytes(data)
        error = run("inspect", tmp_path / name, code=2).stderr
        assert "is no bundle" in error
        assert "Traceback" not in error
    assert "cannot read" in run("audit", tmp_path / "absent", "--osv", tmp_path, code=2).stderr


def test_audit(shop: Path, inspection: dict[str, Any], tmp_path: Path) -> None:
    django = inspection["packages"]["django"]
    known = {
        "id": "PYSEC-2026-99",
        "modified": "2026-11-01T00:00:00Z",
        "summary": "a made-up fault",
        "aliases": ["CVE-2026-99"],
        "affected": [
            {
                "package": {"name": "Django", "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
            }
        ],
    }
    (tmp_path / "one.json").write_text(json.dumps(known))
    printed = run("audit", shop, "--osv", tmp_path, code=VULNERABILITIES_FOUND).stdout
    assert f"django {django}  PYSEC-2026-99 (CVE-2026-99): a made-up fault\n  fixed in 99.1" in printed
    record = json.loads(run("audit", shop, "--osv", tmp_path, "--json", code=VULNERABILITIES_FOUND).stdout)
    assert [each["fixed"] for each in record["vulnerabilities"]] == [["99.1"]]
    known["withdrawn"] = "2026-11-02T00:00:00Z"
    (tmp_path / "one.json").write_text(json.dumps(known))
    assert "no known vulnerabilities" in run("audit", shop, "--osv", tmp_path).stdout
