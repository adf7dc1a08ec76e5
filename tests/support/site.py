"""A bundle as users run it: copied alone to a folder, its data in another, everything on loopback."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

READY = re.compile(r"serves ((?:https?://|unix:)[^\s,]+)[^\n]* with data in")


class Site:
    """A bundle and its data directory. As a context manager it serves; other commands need no block."""

    working_folder: Path | None = None  # of `serve`; None for that of the test
    start_timeout = 60.0  # seconds until it must serve
    run_timeout = 120.0  # seconds until a command must end

    def __init__(self, bundle: Path, data: Path, environment: Mapping[str, str], *options: str) -> None:
        self.bundle = bundle
        self.data = data
        self.environment = dict(environment)
        self.options = options
        self.log = data.parent / f"{data.name}.log"

    def run(self, *arguments: str, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        result = subprocess.run(
            [str(self.bundle), *arguments, "--data-dir", str(self.data)],
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=self.run_timeout,
            check=False,
        )
        if check and result.returncode:
            raise RuntimeError(f"{arguments} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    def shell(self, code: str) -> str:
        """Run Python in the site, and return what it prints."""
        return self.run("shell", "-v0", "-c", code).stdout.strip()

    def status(self) -> dict[str, Any]:
        """Return what ``status`` reports while the site serves."""
        status: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return status

    def command(self) -> list[str]:
        """Return the command of ``serve``: on a free port of this machine, unless the options have ``--bind``."""
        bind = () if "--bind" in self.options else ("--bind", "127.0.0.1:0")
        return [str(self.bundle), "serve", *bind, *self.options, "--data-dir", str(self.data)]

    def start(self) -> subprocess.Popen[bytes]:
        """Start ``serve`` and return at once."""
        with self.log.open("ab") as log:
            # In a process group of its own: Ctrl-C reaches only us, and we stop the server gracefully.
            self.process = subprocess.Popen(
                self.command(), env=self.environment, stdout=log, stderr=log, process_group=0, cwd=self.working_folder
            )
        return self.process

    def __enter__(self) -> Self:
        log_size = self.log.stat().st_size if self.log.exists() else 0
        self.start()
        end = time.monotonic() + self.start_timeout
        while not (ready := READY.search(self.log.read_text()[log_size:])):
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"serve did not start:\n{self.log.read_text()[log_size:]}")
            time.sleep(0.05)
        self.url = ready[1].rstrip("/")
        return self

    def stop(self) -> int:
        """Send SIGTERM, wait, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"serve did not stop:\n{self.log.read_text()}") from error

    def __exit__(self, *_: object) -> None:
        self.stop()


def copy_bundle(bundle: Path, folder: Path) -> Path:
    """Copy the bundle alone to an empty folder, as to a server."""
    folder.mkdir(parents=True)
    return Path(shutil.copy(bundle, folder))


def bare_environment(**variables: str) -> dict[str, str]:
    """Return an environment that takes nothing from this shell's."""
    return {"PATH": os.defpath, **variables}
