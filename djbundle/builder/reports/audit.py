"""``djbundle audit``: known vulnerabilities of the packages in a bundle, from an export of OSV on the disk."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from djbundle.builder.archive.read import BundleFile
from djbundle.builder.reports.contents import python_packages
from djbundle.builder.reports.osv import Vulnerability, find_vulnerabilities, read_records


@dataclass(frozen=True, slots=True)
class Audit:
    """The packages that were looked up, and what is known of them."""

    path: str
    packages: dict[str, str]  # versions by name
    vulnerabilities: list[Vulnerability]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    def lines(self) -> Iterator[str]:
        for each in self.vulnerabilities:
            names = " ".join([each.id, *(f"({alias})" for alias in each.aliases[:1])])
            fix = f"fixed in {' or '.join(each.fixed)}" if each.fixed else "no fixed version is known"
            severity = f", {each.severity.lower()}" if each.severity else ""
            yield f"{each.package} {each.version}  {names}{severity}: {each.summary or 'no summary'}\n  {fix}"
        count = len(self.vulnerabilities)
        noun = "vulnerability" if count == 1 else "vulnerabilities"
        yield f"{count or 'no'} known {noun} in {len(self.packages)} packages"


def audit(bundle: Path, export: Path) -> Audit:
    """Look the packages of a bundle up in an export of OSV: a folder, or a ZIP file."""
    packages = python_packages(BundleFile.open(bundle))
    return Audit(str(bundle), packages, find_vulnerabilities(packages, read_records(export)))
