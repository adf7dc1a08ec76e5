"""A Redis server for one run, with its default durability, on a Unix socket."""

import shutil
import subprocess
import time
from pathlib import Path
from typing import Self


class Redis:
    """``with Redis(folder) as redis:`` runs it; `redis.socket` is its address, or "" if Redis is not installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = shutil.which("redis-server")
        self.socket = str(folder / "redis.sock") if self.program else ""

    def __enter__(self) -> Self:
        if self.program:
            self.folder.mkdir()
            place: list[str | Path] = ["--dir", self.folder, "--port", "0", "--unixsocket", self.socket]
            self._process = subprocess.Popen([self.program, *place], stdout=subprocess.DEVNULL)
            end = time.monotonic() + 10
            while not Path(self.socket).exists() and time.monotonic() < end:
                time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        if self.program:
            self._process.terminate()
            self._process.wait(30)

    def clear(self) -> None:
        if self.program:
            subprocess.run(["redis-cli", "-s", self.socket, "flushall"], check=True, capture_output=True)
