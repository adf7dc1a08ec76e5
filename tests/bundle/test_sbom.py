"""``./shop sbom`` and ``./shop licenses``: what is in a bundle, with the hash of each file of machine code."""

import hashlib
import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from djbundle.contract.file_format import FOOTER_SIZE
from djbundle.contract.inventory import TEXT


def output_of(*command: object) -> str:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True, env={}).stdout


@pytest.fixture(scope="module")
def tree(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extracted") / "tree"
    output_of(shop, "extract", folder)
    return folder


@pytest.fixture(scope="module")
def sbom(shop: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(output_of(shop, "sbom"))
    return document


def each(items: list[dict[str, Any]], owner: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all components, each with the name of that which it is in."""
    for item in items:
        yield owner, item
        yield from each(item.get("components", []), item["name"])


def all_components(sbom: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [*each([sbom["metadata"]["component"], *sbom["components"]])]


def test_it_is_valid(shop: Path, tmp_path: Path) -> None:
    assert "wrote" in output_of(shop, "sbom", "--output", tmp_path / "sbom.json")
    text = (tmp_path / "sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == output_of(shop, "sbom").removesuffix("\n")


def test_it_names_every_file_of_machine_code(shop: Path, tree: Path, sbom: dict[str, Any]) -> None:
    named = {
        item["name"]: item["hashes"][0]["content"] for _owner, item in all_components(sbom) if item["type"] == "file"
    }
    content = {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    machine_code = {
        name: hashlib.sha256(data).hexdigest() for name, data in content.items() if data.startswith(b"\x7fELF")
    }
    assert len(machine_code) > 80
    launcher = named.pop("(launcher)")
    assert named == machine_code
    content_of_bundle = shop.read_bytes()
    (start,) = struct.unpack_from("<Q", content_of_bundle[-FOOTER_SIZE:], 16)  # where the launcher ends
    assert hashlib.sha256(content_of_bundle[:start]).hexdigest() == launcher


def test_every_file_has_the_right_owner(sbom: dict[str, Any]) -> None:
    owners = {item["name"]: owner for owner, item in all_components(sbom) if item["type"] == "file"}
    assert owners["_main"] == "python"
    assert owners["_lib/vfs.so"] == "djbundle"
    assert next(owner for name, owner in owners.items() if name.startswith("_project.")) == "shop"
    assert next(owner for name, owner in owners.items() if name.startswith("PIL/_imaging.")) == "pillow"
    assert next(owner for name, owner in owners.items() if name.startswith("pillow.libs/libjpeg")) == "pillow"
    assert "" not in owners.values()


def test_versions_are_those_of_the_bundle(shop: Path, sbom: dict[str, Any]) -> None:
    versions = json.loads(output_of(shop, "version", "--json"))
    components = {(owner, item["name"]): item.get("version") for owner, item in all_components(sbom)}
    assert components["", "shop"] == versions["version"]
    assert components["", "django"] == versions["django"]
    assert components["", "python"] == versions["python"]
    assert versions["sqlite"] in {version for (_owner, name), version in components.items() if name == "sqlite"}
    assert ("cryptography", "openssl") in components  # from the SBOM in its wheel
    assert any(name == "glibc" for _owner, name in components)
    assert sbom["metadata"]["timestamp"] == versions["built"]


def test_what_only_builds_is_not_in_it(sbom: dict[str, Any]) -> None:
    names = {item["name"] for item in sbom["components"]}
    assert names.isdisjoint(
        {"cyclonedx-python-lib", "py-serializable", "defusedxml", "nuitka", "click", "libreadline8"}
    )


def test_license_texts_are_in_the_bundle(shop: Path, tree: Path, sbom: dict[str, Any]) -> None:
    texts = {
        text["value"]
        for _owner, item in all_components(sbom)
        for text in item.get("properties", ())
        if text["name"] == TEXT
    }
    assert len(texts) > 30
    assert [name for name in texts if not (tree / name).stat().st_size] == []
    printed = output_of(shop, "licenses", "--texts")
    assert all((tree / name).read_text(errors="replace").strip() in printed for name in texts)
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in printed


def test_licenses_as_a_table_and_as_json(shop: Path) -> None:
    lines = {line.split()[0]: line for line in output_of(shop, "licenses").splitlines()}
    assert lines["django"].endswith("BSD-3-Clause")
    assert "openssl" not in lines
    record = json.loads(output_of(shop, "licenses", "--json", "--all"))
    openssl = next(each for each in record["components"] if each["name"] == "openssl")
    assert openssl["part_of"]
    assert "texts" not in record
    with_texts = json.loads(output_of(shop, "licenses", "--json", "--texts"))
    assert {name for each in with_texts["components"] for name in each["texts"]} == {*with_texts["texts"]}
