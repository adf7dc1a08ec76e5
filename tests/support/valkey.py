"""The shell command by which `djbundle init` starts Valkey, run without its image: Redis stands for Valkey."""

import os
import subprocess
from pathlib import Path
from typing import Self

from tests.support.ports import free_port
from tests.support.waiting import wait_until

ENTRYPOINT = '#!/bin/sh\n[ "$1" = valkey-server ] && shift\nexec redis-server "$@" --bind 127.0.0.1 --port "$PORT"\n'
CLIENT = '#!/bin/sh\nexec redis-cli -p "$PORT" "$@"\n'


class Valkey:
    """``with Valkey(folder, command, password)`` runs the command; `check` tells whether it is ready."""

    def __init__(self, folder: Path, command: list[str], check: list[str], password: str) -> None:
        self.folder, self.command, self.check, self.port = folder, command, check, free_port()
        path = f"{folder}:{os.environ['PATH']}"
        self.environment = {"PATH": path, "PORT": str(self.port), "VALKEY_PASSWORD": password}

    def __enter__(self) -> Self:
        self.folder.mkdir()
        for name, text in (("docker-entrypoint.sh", ENTRYPOINT), ("valkey-cli", CLIENT)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        wait_until(self.is_ready, "Valkey is ready")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def is_ready(self, **variables: str) -> bool:
        result = subprocess.run(self.check, env=self.environment | variables, capture_output=True, check=False)
        return result.returncode == 0

    def ask(self, *words: str) -> str:
        command = [str(self.folder / "valkey-cli"), "--pass", self.environment["VALKEY_PASSWORD"], "--no-auth-warning"]
        result = subprocess.run([*command, *words], env=self.environment, capture_output=True, text=True, check=True)
        return result.stdout
