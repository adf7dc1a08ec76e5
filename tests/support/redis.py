"""A Redis server for one run, with its default durability, on a Unix socket and a port of the loopback address."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support.ports import free_port
from tests.support.waiting import wait_until


class Redis:
    """``with Redis(folder) as redis:`` runs it; `redis.socket` is its address, or "" if Redis is not installed."""

    def __init__(self, folder: Path, addresses: Sequence[str] = ()) -> None:
        """`addresses`: at which it listens as well, and asks nobody for a password."""
        self.folder, self.port, self.addresses = folder, free_port(), addresses
        self.program = shutil.which("redis-server")
        self.socket = str(folder / "redis.sock") if self.program else ""
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        if self.program:
            self.folder.mkdir()
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.program:
            self._process.terminate()
            self._process.wait(30)

    def start(self) -> None:
        """Start it, with what it has kept."""
        open_to_all = ["--protected-mode", "no"] if self.addresses else []
        address = ["--bind", "127.0.0.1", *self.addresses, *open_to_all]
        address += ["--port", str(self.port), "--unixsocket", self.socket]
        command: list[str | Path] = [str(self.program), "--dir", self.folder, *address]
        Path(self.socket).unlink(missing_ok=True)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(Path(self.socket).exists, "Redis answers")

    def kill(self) -> None:
        """Kill it. Nothing that came since the last snapshot is kept."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it accept connections, but answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Restart as after a crash."""
        self.kill()
        self.start()

    def push(self, key: str, text: str) -> None:
        """Push a text to the left of a list."""
        command = ["redis-cli", "-s", self.socket, "-x", "lpush", key]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)

    def create_user(self, name: str, password: str) -> None:
        """Create a user who may do everything."""
        command = ["redis-cli", "-s", self.socket, "acl", "setuser", name, "on", f">{password}", "~*", "&*", "+@all"]
        subprocess.run(command, check=True, capture_output=True)

    def clear(self) -> None:
        if self.program:
            subprocess.run(["redis-cli", "-s", self.socket, "flushall"], check=True, capture_output=True)
