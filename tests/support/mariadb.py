"""A MariaDB server for one test run, in its own folder, with a Unix socket there."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

FALLBACK_USER = "mysql"  # made by the Debian package
TIMEOUT = 60.0  # seconds


class MariaDB:
    """``with MariaDB(folder) as server:`` runs it; `server.socket` is the HOST for DATABASES.

    The user of this process can log in without a password as `server.owner`, a superuser.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = str(folder / "socket")
        self.owner = pwd.getpwuid(os.geteuid()).pw_name
        self.user = FALLBACK_USER if os.geteuid() == 0 else self.owner

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=0o755)
        shutil.chown(self.folder, self.user)
        self._run("mariadb-install-db", *self._options, f"--auth-root-socket-user={self.owner}")
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def restart(self) -> None:
        """Restart as after a crash."""
        self._kill()
        self._start()

    def create_database(self, name: str) -> None:
        self._ask(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")

    def load_time_zones(self) -> None:
        """Let it convert times between time zones, as administrators do once."""
        command = [find_program("mariadb-tzinfo-to-sql"), "/usr/share/zoneinfo"]
        zones = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT).stdout
        self._client(zones.decode(), "mysql").check_returncode()

    @property
    def _options(self) -> list[str]:
        return [
            "--no-defaults",
            f"--datadir={self.folder}/data",
            f"--user={self.user}",
            "--innodb-flush-log-at-trx-commit=2",  # a commit waits for no disk, but survives the end of the server
        ]

    def _start(self) -> None:
        network = ["--skip-networking", f"--socket={self.socket}", f"--pid-file={self.folder}/pid"]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [find_program("mariadbd"), *self._options, *network], stdout=log, stderr=log
            )
        end = time.monotonic() + TIMEOUT
        while self._client("SELECT 1").returncode:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"MariaDB does not start, see {log.name}")
            time.sleep(0.05)

    def _kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _ask(self, sql: str) -> None:
        self._client(sql).check_returncode()

    def _client(self, sql: str, database: str = "") -> "subprocess.CompletedProcess[bytes]":
        command = [find_program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root", database]
        return subprocess.run(command, input=sql.encode(), capture_output=True, timeout=TIMEOUT, check=False)

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            subprocess.run([find_program(program), *arguments], check=True, stdout=log, stderr=log, timeout=TIMEOUT)


def find_program(name: str) -> str:
    """Find a program on the PATH or in /usr/sbin, where Debian has programs for root."""
    if path := shutil.which(name) or shutil.which(name, path="/usr/sbin"):
        return path
    raise FileNotFoundError(f"there is no {name}; install it:  apt install mariadb-server")
