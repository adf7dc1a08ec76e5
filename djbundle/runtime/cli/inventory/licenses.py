"""``./shop licenses``: the licence of each component, and with ``--texts`` what it says."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from djbundle.contract.inventory import TEXT
from djbundle.runtime.cli.inventory.sbom import read_sbom
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.options.parser import parse_options

UNKNOWN = "not given"
RULE = "=" * 80


@dataclass(frozen=True, slots=True)
class LicensedComponent:
    """A component with its licences; `texts` are files in the tree."""

    name: str
    version: str
    licenses: list[str]
    texts: list[str]
    part_of: str  # the component that contains it; "" if none does


def add_licenses_options(parser: ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="also list the libraries that are linked into packages")
    parser.add_argument("--texts", action="store_true", help="print the texts, each once")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_licenses(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "licenses", arguments, add_licenses_options)
    components = [
        each for each in licensed_components(json.loads(read_sbom(bundle))) if options.all or not each.part_of
    ]
    if options.json:
        texts = {name: _text(bundle, name) for each in components for name in each.texts} if options.texts else None
        record = {"components": [asdict(each) for each in components]}
        print(json.dumps(record if texts is None else record | {"texts": texts}, indent=1))
    elif options.texts:
        print("\n".join(_texts(bundle, components)))
    else:
        print("\n".join(_lines(components)))
    return 0


def licensed_components(sbom: dict[str, Any]) -> Iterator[LicensedComponent]:
    """Yield the components of an SBOM, and those in them. Files are no components here."""
    for each in sbom.get("components", ()):
        yield from _with_parts(each, "")


def _with_parts(item: dict[str, Any], part_of: str) -> Iterator[LicensedComponent]:
    if item["type"] == "file":
        return
    texts = [each["value"] for each in item.get("properties", ()) if each["name"] == TEXT]
    yield LicensedComponent(item["name"], item.get("version", ""), _names(item.get("licenses", ())), texts, part_of)
    for part in item.get("components", ()):
        yield from _with_parts(part, item["name"])


def _names(licenses: list[dict[str, Any]]) -> list[str]:
    return [each.get("expression") or each["license"].get("id") or each["license"]["name"] for each in licenses]


def _lines(components: list[LicensedComponent]) -> Iterator[str]:
    width = max((len(each.name) for each in components), default=0)
    longest = max((len(each.version) for each in components), default=0)
    for each in components:
        suffix = f"  (in {each.part_of})" if each.part_of else ""
        yield f"{each.name:{width}}  {each.version:{longest}}  {', '.join(each.licenses) or UNKNOWN}{suffix}"


def _texts(bundle: Bundle, components: list[LicensedComponent]) -> Iterator[str]:
    """Yield each text once, below the names of the components that it is for."""
    owners: dict[str, list[str]] = {}
    for each in components:
        for name in each.texts:
            owners.setdefault(_text(bundle, name), []).append(f"{each.name} {each.version}".rstrip())
    for text, names in owners.items():
        yield f"{RULE}\n{', '.join(dict.fromkeys(names))}\n{RULE}\n\n{text.strip()}\n"


def _text(bundle: Bundle, name: str) -> str:
    return (bundle.root / name).read_text(errors="replace")
