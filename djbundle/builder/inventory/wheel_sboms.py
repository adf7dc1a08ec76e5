"""Read the SBOMs that wheels carry in ``.dist-info/sboms`` (PEP 770): what was linked or copied into them.

Those of cargo and auditwheel are in CycloneDX's format. The packages of SPDX documents are read too.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packageurl import PackageURL

from djbundle.builder.inventory.component import Component

FOLDER = ".dist-info/sboms/"
ONLY_HERE = ("download_url", "file_name")  # qualifiers of cargo and auditwheel that name files of another machine
NO_ASSERTION = ("NOASSERTION", "NONE", "")


def is_sbom(name: str) -> bool:
    """Return whether a file of a distribution is an SBOM; `name` is relative to the folder of packages."""
    return FOLDER in name


def components_of(path: Path, owner: str) -> list[Component]:
    """Return the components that a document names, without `owner` itself; none if it is not in a known format."""
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        return []
    if not isinstance(document, dict):
        return []
    if document.get("bomFormat") == "CycloneDX":
        found = map(_of_cyclonedx, _flat(document.get("components", [])))
    else:
        found = map(_of_spdx, document.get("packages", []))
    return [each for each in found if each.name and _plain(each.name) != _plain(owner)]


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _flat(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in components:
        yield each
        yield from _flat(each.get("components", []))


def _of_cyclonedx(item: dict[str, Any]) -> Component:
    hashes = {each.get("alg"): each.get("content", "") for each in item.get("hashes", [])}
    licenses = [
        each.get("expression") or each.get("license", {}).get("id") or each.get("license", {}).get("name", "")
        for each in item.get("licenses", [])
    ]
    return Component(
        "library",
        item.get("name", ""),
        item.get("version") or "",
        purl=_shorter(item.get("purl", "")),
        cpe=item.get("cpe", ""),
        licenses=[each for each in licenses if each],
        sha256=hashes.get("SHA-256", ""),
    )


def _of_spdx(item: dict[str, Any]) -> Component:
    references = {each.get("referenceType"): each.get("referenceLocator") for each in item.get("externalRefs", [])}
    license_name = next(
        (text for key in ("licenseConcluded", "licenseDeclared") if (text := item.get(key, "")) not in NO_ASSERTION), ""
    )
    return Component(
        "library",
        item.get("name", ""),
        item.get("versionInfo") or "",
        purl=_shorter(references.get("purl") or ""),
        licenses=[license_name] if license_name else [],
    )


def _shorter(purl: str) -> str:
    """Return a package URL without what is true on one machine only; "" if it is none."""
    try:
        parsed = PackageURL.from_string(purl)
    except ValueError:
        return ""
    qualifiers = {key: value for key, value in dict(parsed.qualifiers).items() if key not in ONLY_HERE}
    return PackageURL(parsed.type, parsed.namespace, parsed.name, parsed.version, qualifiers).to_string()
