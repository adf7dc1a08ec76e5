"""Read the manifest and the SBOM of a bundle."""

import json
import re
from dataclasses import dataclass
from typing import Any, Self

from packaging.utils import canonicalize_name

from djbundle.builder.archive.read import BundleFile
from djbundle.contract.inventory import HOLDS, SBOM
from djbundle.errors import OptionError
from djbundle.manifest import FILE_NAME

DIST_INFO = re.compile(r"([^/]+)-([^/-]+)\.dist-info/METADATA")
PYPI = "pkg:pypi/"


@dataclass(frozen=True, slots=True)
class Contents:
    """The manifest and the SBOM of a bundle, as JSON has them."""

    manifest: dict[str, Any]
    sbom: dict[str, Any]  # {} of an older bundle

    @classmethod
    def of(cls, bundle: BundleFile) -> Self:
        if FILE_NAME not in bundle.by_name:
            raise OptionError(f"{bundle.path} has no manifest", "name a file that  djbundle build  has written")
        sbom = json.loads(bundle.read(SBOM)) if SBOM in bundle.by_name else {}
        return cls(json.loads(bundle.read(FILE_NAME)), sbom)

    @property
    def components(self) -> list[dict[str, Any]]:
        """The components of the SBOM, the project's first."""
        return [self.sbom["metadata"]["component"], *self.sbom["components"]] if self.sbom else []

    def owners(self) -> dict[str, tuple[str, str]]:
        """Return the name and version of the component for each name at the root of the tree."""
        owners: dict[str, tuple[str, str]] = {}
        for each in self.components[::-1]:  # the project's last, so that it wins
            for item in each.get("properties", ()):
                if item["name"] == HOLDS:
                    owners[item["value"]] = each["name"], each.get("version", "")
        return owners


def python_packages(bundle: BundleFile) -> dict[str, str]:
    """Return the versions of the distributions in a bundle, by their names: from their own metadata."""
    found = (DIST_INFO.fullmatch(each.name) for each in bundle.files)
    return {canonicalize_name(match[1]): match[2] for match in found if match}
