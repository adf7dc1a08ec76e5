"""A database server for tests, in a folder of its own."""

import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Self

from tests.support.ports import free_port


class ServerProcess(ABC):
    """A server in a process: ``with KIND(folder) as server:`` runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until it answers."""

    def launch(self, command: Sequence[str | Path]) -> None:
        """Start the process. What it prints is kept in the file `output` of the folder."""
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Restart as after a crash."""
        self.kill()
        self.start()


@contextmanager
def running[T](make: Callable[[Path], AbstractContextManager[T]]) -> Iterator[T]:
    """Run a server: ``with running(Postgres) as server:``. Outside pytest's folder, which its user may not enter."""
    with tempfile.TemporaryDirectory(prefix="djbundle-server-") as folder:
        Path(folder).chmod(0o755)
        with make(Path(folder, "server")) as server:
            yield server
