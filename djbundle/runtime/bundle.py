"""The running bundle: the one record that the runtime's modules pass around."""

from dataclasses import dataclass
from pathlib import Path

from djbundle.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Bundle:
    """Where everything is."""

    root: Path  # the tree
    manifest: Manifest
    program: str  # what the user typed to start it: "./shop"
    data: Path  # the data directory; it may not exist yet

    @property
    def static_root(self) -> Path:
        return self.root / self.manifest.static_root

    def is_inside(self, path: Path) -> bool:
        """Whether `path` lies in the tree, where nothing can be written."""
        return path == self.root or self.root in path.parents
