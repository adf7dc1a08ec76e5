"""One peer with one database: its virtual environment, its copy of the project, its worker."""

import contextlib
import importlib
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import psutil
import psycopg

from ci.bench.task_peers.machine import Machine, version_of

HERE = Path(__file__).parent
ENTRY = struct.Struct("=qd")  # as in project/jobs/tasks.py
SQLITE, POSTGRES = "sqlite", "postgresql"
TITLES = {SQLITE: "SQLite", POSTGRES: "PostgreSQL"}
LIMIT = 600.0  # seconds that anything may take
FAILURES = (  # of one side; the others go on
    *(RuntimeError, ValueError, OSError, subprocess.SubprocessError, psutil.Error),
    *(sqlite3.Error, psycopg.Error),
)


class Peer(Protocol):
    """A module in peers/. Commands are arguments for its Python."""

    NAME: str
    PACKAGES: list[str]
    DURABLE: str  # what is certain of a task when the request has ended
    WORKER: list[str]  # as its documentation starts it, one process
    QUICK: list[str]  # polls as often as is sensible; empty: it has no such option
    FOUR: list[str]  # four tasks at once in one process; empty: as WORKER, or not possible
    CAREFUL: list[str]  # rescues tasks of a dead worker as soon as it can
    CALM: float  # seconds without progress after which it rescues no more tasks
    POLL: float  # seconds between polls by default
    DONE: tuple[str, str] | None  # table and condition for tasks whose success is recorded; None: no records


class Side:
    """A peer, ready to be measured."""

    def __init__(self, machine: Machine, module: str, database: str) -> None:
        self.peer = cast(Peer, importlib.import_module(f"ci.bench.task_peers.peers.{module}"))
        self.machine, self.database = machine, database
        self.python = machine.python_for(module, self.peer.PACKAGES)
        self.version = version_of(self.python, "djbundle" if module.startswith("ours") else self.peer.PACKAGES[0])
        self.name = f"bench_{module}"
        self.folder = machine.work / "projects" / f"{module}-{database}"
        shutil.copytree(HERE / "project", self.folder)
        shutil.copytree(HERE / "peers", self.folder / "peers", ignore=shutil.ignore_patterns("__pycache__"))
        self.log = self.folder / "log"
        self.environment = {
            "PATH": f"{self.python.parent}:{os.defpath}",
            "HOME": str(self.folder),
            "BENCH_PEER": module,
            "BENCH_DATABASE": database,
            "BENCH_HOST": machine.postgres.host,
            "BENCH_USER": machine.postgres.owner,
            "BENCH_NAME": self.name,
            "BENCH_REDIS": machine.redis.socket,
            "BENCH_REDIS_URL": machine.redis.url,
        }
        if database == POSTGRES:
            machine.postgres.create_database(self.name)
        self.run("manage.py", "migrate", "--run-syncdb", "--verbosity", "0")
        if database == POSTGRES:
            self._administer(f"ALTER DATABASE {self.name} RENAME TO {self.name}_clean")
        else:
            self._checkpoint()
            (self.folder / "db.sqlite3").rename(self.folder / "clean")

    def reset(self) -> None:
        """Replace the database with an empty one, and delete the notes."""
        for pattern in ("notes", "ends", "*.sqlite3*"):
            for file in self.folder.glob(pattern):
                file.unlink()
        self.machine.redis.clear()
        if self.database == POSTGRES:
            self._administer(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
            self._administer(f"CREATE DATABASE {self.name} TEMPLATE {self.name}_clean")
        else:
            shutil.copy(self.folder / "clean", self.folder / "db.sqlite3")

    def run(self, *arguments: str | int | float, mode: str = "") -> str:
        """Run Python in the project, and return what it printed."""
        command = [str(self.python), *map(str, arguments)]
        environment = self.environment | {"BENCH_MODE": mode}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, timeout=LIMIT, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{self.name} {arguments}: {done.stderr.decode()[-2000:]}")
        return done.stdout.decode()

    def start(self, command: Sequence[str], *, mode: str = "", niceness: int = 0) -> subprocess.Popen[bytes]:
        """Start a worker in a process group of its own."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["nice", "-n", str(niceness), str(self.python), *command],
                cwd=self.folder,
                env=self.environment | {"BENCH_MODE": mode},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,  # no session of its own: Linux shares the CPU by sessions (autogroup)
            )

    @contextlib.contextmanager
    def worker(self, command: Sequence[str] = (), *, mode: str = "", niceness: int = 0) -> Iterator[None]:
        """Run a worker for the duration of the block. None of its processes survives it."""
        process = self.start(command or self.peer.WORKER, mode=mode, niceness=niceness)
        try:
            yield
        finally:
            stop(process)

    def noted(self) -> int:
        """Return how many runs have begun."""
        try:
            return (self.folder / "notes").stat().st_size // ENTRY.size
        except FileNotFoundError:
            return 0

    def notes(self, name: str = "notes") -> list[tuple[int, float]]:
        """Return the number of each task that has begun, and when; with "ends", of each `step` that has ended."""
        file = self.folder / name
        return list(ENTRY.iter_unpack(file.read_bytes())) if file.exists() else []

    def done(self) -> int:
        """Return how many tasks have succeeded, by the peer's own records if it keeps any."""
        if not self.peer.DONE:
            return len({number for number, _ in self.notes()})
        table, condition = self.peer.DONE
        return int(self.query(f"SELECT count(*) FROM {table} WHERE {condition}")[0][0])

    def query(self, sql: str) -> list[Any]:
        if self.database == POSTGRES:
            with self._connect(self.name) as connection:
                cursor = connection.execute(sql)
                return cursor.fetchall() if cursor.description else []
        with contextlib.closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=30)) as lite, lite:
            return lite.execute(sql).fetchall()

    def wait(self, reached: Callable[[], bool], seconds: float = LIMIT) -> None:
        end = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: {self.noted()} begun, {self.done()} done after {seconds:.0f} s")
            time.sleep(0.005)

    def _checkpoint(self) -> None:
        self.query("PRAGMA wal_checkpoint(TRUNCATE)")

    def _administer(self, sql: str) -> None:
        with self._connect("postgres") as connection:
            connection.execute(sql)

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        postgres = self.machine.postgres
        return psycopg.connect(host=postgres.host, user=postgres.owner, dbname=name, autocommit=True)


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the process and its descendants; nothing if it has ended."""
    try:
        top = psutil.Process(process.pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM; after at most 5 seconds kill all that is left of its process group."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
