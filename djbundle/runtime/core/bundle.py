"""The running bundle: the record that the runtime's modules pass to each other."""

import os
from dataclasses import dataclass
from pathlib import Path

from djbundle.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Bundle:
    """The places and the manifest of the running bundle."""

    root: Path  # the tree
    manifest: Manifest
    program: str  # as the user typed it to start the bundle: "./shop"
    data: Path  # the data directory; it may not exist yet

    @property
    def static_root(self) -> Path:
        return self.root / self.manifest.static_root

    def is_inside(self, path: Path) -> bool:
        """Return whether `path` lies in the tree, which is read-only."""
        return path == self.root or self.root in path.parents

    def in_tree(self, path: Path) -> Path:
        """Return `path` without ``..``. A relative path starts at the project's folder, where manage.py is started."""
        return Path(os.path.normpath(self.root / path))

    def in_data(self, path: Path) -> Path | None:
        """Return the place in the data directory that replaces `path`; None for a path that needs no replacement.

        A path in the tree and a relative path are replaced. So is one that leads from the tree to a place beside the
        project, such as ``BASE_DIR / "../media"``.
        """
        whole = self.in_tree(path)
        if self.is_inside(whole):
            return self.data / whole.relative_to(self.root)
        return self.data / whole.relative_to("/") if not path.is_absolute() or self.is_inside(path) else None
