"""A database server for tests, in a folder of its own."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


@contextmanager
def running[T](make: Callable[[Path], AbstractContextManager[T]]) -> Iterator[T]:
    """Run a server: ``with running(Postgres) as server:``. Outside pytest's folder, which its user may not enter."""
    with tempfile.TemporaryDirectory(prefix="djbundle-server-") as folder:
        Path(folder).chmod(0o755)
        with make(Path(folder, "server")) as server:
            yield server
