"""The running bundle: the one record that the runtime's modules pass around."""

import os
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

    def in_tree(self, path: Path) -> Path:
        """`path` without ``..``, a relative one as meant from the project's folder, in which manage.py is started."""
        return Path(os.path.normpath(self.root / path))

    def in_data(self, path: Path) -> Path | None:
        """The same place in the data directory, for a path in the tree, for a relative one, and for one that leads from
        there to what lies beside the project, as ``BASE_DIR / "../media"``; None for all others.
        """
        whole = self.in_tree(path)
        if self.is_inside(whole):
            return self.data / whole.relative_to(self.root)
        return self.data / whole.relative_to("/") if not path.is_absolute() or self.is_inside(path) else None
