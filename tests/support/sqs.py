"""A server that answers as SQS does, moto, on a port of the loopback address. It keeps messages in memory."""

import contextlib
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until


class Sqs(ServerProcess):
    """``with Sqs(folder) as server:`` runs it; `server.url` is its address. A kill loses all messages and queues."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"sqs://tester:a%2Fsecret@127.0.0.1:{self.port}/?tls=no&region=eu-central-1"

    def start(self) -> None:
        """Start it, empty."""
        self.launch([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)])
        wait_until(self._answers, "moto answers", 60)

    @contextlib.contextmanager
    def checking_keys(self) -> Iterator[None]:
        """Have it refuse keys that it does not know: all, since it has no users."""
        self._check_after(0)
        try:
            yield
        finally:
            self._check_after(float("inf"))

    def _check_after(self, requests: float) -> None:
        address, headers = f"http://127.0.0.1:{self.port}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        request = urllib.request.Request(address, str(requests).encode(), headers)
        urllib.request.urlopen(request, timeout=10).close()

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "output").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/data.json", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False
