"""A NATS server with JetStream for one run, on a port of its own of the loopback address."""

import socket
import sys
from pathlib import Path

from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

PROGRAM = Path(sys.executable).with_name("nats-server")


class Nats(ServerProcess):
    """``with Nats(folder) as server:`` runs it; `server.url` is its address. What it has stored outlives a kill."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, with what it has kept."""
        store: list[str | Path] = ["-js", "-sd", self.folder / "data"]
        self.launch([PROGRAM, "-a", "127.0.0.1", "-p", str(self.port), *store])
        wait_until(self._answers, "NATS answers", 30)

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "output").read_text()
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False
