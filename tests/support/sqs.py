"""A server that answers as SQS does, moto, on a port of the loopback address. It keeps messages in memory."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Self

from tests.support.mailbox import free_port
from tests.support.waiting import wait_until


class Sqs:
    """``with Sqs(folder) as server:`` runs it; `server.url` is its address."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"sqs://tester:a%2Fsecret@127.0.0.1:{self.port}/?tls=no&region=eu-central-1"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, **environment: str) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=output)
        wait_until(self._answers, "moto answers", 60)

    def kill(self) -> None:
        """Kill it. All messages and queues are lost."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "output").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/data.json", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False
