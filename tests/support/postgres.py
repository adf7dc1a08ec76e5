"""A PostgreSQL server for one test run: a cluster in its own folder, with a Unix socket there."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psutil

from tests.support.ports import free_port

DEBIAN = Path("/usr/lib/postgresql")
PASSWORD = "s3cret/of@the?base"  # has what a URL has to quote
ATTEMPTS = 4
FALLBACK_USER = "postgres"  # made by the Debian package; the server refuses to run as root


class Postgres:
    """``with Postgres(folder) as server:`` runs it; `server.host` is the HOST for DATABASES.

    Each process that may enter `folder` can log in as any user. The folder is created for the user of the server.
    `durable`: commits wait for the disk, which is PostgreSQL's default; tests do not need it. With a `port`, it listens
    on 127.0.0.1 as well, and asks for passwords there. With a `network`, also its clients reach it.
    """

    def __init__(self, folder: Path, *, durable: bool = False, port: int | None = None, network: str = "") -> None:
        self.folder, self.durable, self.port, self.network = folder, durable, port, network
        self.host = str(folder)
        self.user = FALLBACK_USER if os.geteuid() == 0 else None

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=0o755)
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        auth = ["--auth-local=trust", "--auth-host=scram-sha-256"]
        self._run("initdb", "--pgdata", f"{self.folder}/data", *auth, "--no-sync", "--encoding=UTF8")
        if self.network:
            with Path(self.folder, "data", "pg_hba.conf").open("a") as file:
                file.write(f"host all all {self.network} scram-sha-256\n")
        for _ in range(ATTEMPTS - 1 if self.port else 0):
            with contextlib.suppress(subprocess.CalledProcessError):
                return self._start()
            self.port = free_port()  # a client has taken it
        return self._start()

    def _start(self) -> Self:
        address = "0.0.0.0" if self.network else "127.0.0.1"
        network = f"-c listen_addresses={address} -c port={self.port}" if self.port else "-c listen_addresses="
        options = f"{network} -c unix_socket_directories={self.folder} -c fsync={'on' if self.durable else 'off'}"
        log = f"{self.folder}/log"
        self._run("pg_ctl", "--pgdata", f"{self.folder}/data", "--wait", "--log", log, "--options", options, "start")
        return self

    def restart(self) -> None:
        """Restart as after a crash: the server does not shut down cleanly, and replays its log."""
        self._run("pg_ctl", "--pgdata", f"{self.folder}/data", "--mode", "immediate", "--wait", "restart")

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "--pgdata", f"{self.folder}/data", "--mode", "immediate", "stop")

    def create_database(self, name: str) -> None:
        self._run("createdb", *self._address, name)

    def set_password(self, password: str = PASSWORD) -> None:
        """Set the password of the superuser role, for connections over the network."""
        self._run("psql", *self._address, "-c", f"ALTER ROLE {self.owner} PASSWORD '{password}'", "postgres")

    def url_of(self, database: str, password: str = PASSWORD) -> str:
        """Return the URL of a database for connections over the network."""
        return f"postgres://{self.owner}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def create_user(self, name: str, password: str) -> None:
        """Create a role and a database of the same name, which it owns."""
        statement = f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'"
        self._run("psql", *self._address, "-c", statement, "postgres")
        self._run("createdb", *self._address, "--owner", name, name)

    @property
    def _address(self) -> list[str]:
        return ["--host", self.host, *(["--port", str(self.port)] if self.port else [])]

    def processes(self) -> list[psutil.Process]:
        """Return all of its processes, the main one first."""
        first = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        return [first, *first.children(recursive=True)]

    @property
    def owner(self) -> str:
        """The name of the superuser role."""
        return self.user or pwd.getpwuid(os.geteuid()).pw_name

    def _run(self, program: str, *arguments: str) -> None:
        command = [find_program(program), *arguments]
        options = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        # No pipes: the server would keep them open.
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            subprocess.run(command, cwd="/", check=True, stdout=log, stderr=log, timeout=120, **options)  # type: ignore[call-overload]


@contextlib.contextmanager
def temporary_postgres() -> Iterator[Postgres]:
    """Run a server in a folder of its own: its user may not enter pytest's folders."""
    with tempfile.TemporaryDirectory(prefix="djbundle-postgres-") as folder:
        Path(folder).chmod(0o755)
        with Postgres(Path(folder, "server")) as server:
            yield server


def find_program(name: str) -> str:
    """Find a program on the PATH, or in Debian's folders, the newest version first."""
    if path := shutil.which(name):
        return path
    for folder in sorted(DEBIAN.glob("*/bin"), reverse=True):
        if (folder / name).is_file():
            return str(folder / name)
    raise FileNotFoundError(f"there is no {name}; install it:  apt install postgresql")
