"""A user of this machine who is not root, and a place where root runs a bundle on that user's data."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.site import Site, bare_environment, copy_bundle

NEIGHBOUR = 54321  # a user who is not in /etc/passwd, like that of a container or of DynamicUser=
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@dataclass(frozen=True, slots=True)
class Place:
    """Root's folder, which every user may read: it holds the bundle and the neighbour's data."""

    folder: Path
    bundle: Path
    data: Path

    def site(self, *options: str, **environment: str) -> Site:
        return Site(self.bundle, self.data, bare_environment(**environment), *options)

    def as_neighbour(self, *command: object) -> subprocess.CompletedProcess[str]:
        words = ["setpriv", f"--reuid={NEIGHBOUR}", f"--regid={NEIGHBOUR}", "--clear-groups", *map(str, command)]
        return subprocess.run(
            words, cwd=self.folder, env=bare_environment(), capture_output=True, text=True, check=False, timeout=120
        )

    def foreign(self) -> list[Path]:
        """Return the files in the data directory that do not belong to the neighbour."""
        return [path for path in (self.data, *self.data.rglob("*")) if path.lstat().st_uid != NEIGHBOUR]


@contextmanager
def place_for(bundle: Path) -> Iterator[Place]:
    """Make the place outside of pytest's own folder, which other users may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="djbundle-neighbour-"))
    try:
        folder.chmod(0o755)
        copy = copy_bundle(bundle, folder / "opt")
        copy.parent.chmod(0o755)
        copy.chmod(0o755)
        data = folder / "data"
        data.mkdir(mode=0o700)
        os.chown(data, NEIGHBOUR, NEIGHBOUR)
        yield Place(folder, copy, data)
    finally:
        shutil.rmtree(folder)
