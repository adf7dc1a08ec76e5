"""Requests that fail while a new process takes over, again and again under load; beside gunicorn and Granian."""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ci.bench.peer import REPOSITORY, Peer
from ci.bench.servers import THREADS, WORKERS, Running, Way
from ci.load import Load
from ci.site import Site, bare_environment

PROJECT = REPOSITORY / "tests" / "projects" / "small"
PATIENCE = 60.0  # seconds for a takeover
SETTLE = 1.0  # seconds for new processes of a peer, which does not tell when it serves

Upgrade = Callable[[Running], None]


@dataclass
class Side:
    way: Way
    upgrade: Upgrade
    answers: int = 0
    failures: int = 0
    example: str = ""

    def measure(self, count: int) -> None:
        with self.way.running() as running:
            running.wait_for("/")
            with Load(running) as load:
                for _ in range(count):
                    self.upgrade(running)
                    time.sleep(SETTLE)
            self.answers, self.failures = load.seen(), len(load.failures)
            self.example = load.failures[0] if load.failures else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run upgrades", description=__doc__)
    parser.add_argument("--upgrades", type=int, default=50, help="of each server [50]")
    count = parser.parse_args().upgrades
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        for side in _sides(Path(folder)):
            side.measure(count)
            print(
                f"{side.way.name:10} {count} upgrades, {side.answers:>8,} answers, {side.failures:>6,} failed"
                f"  {side.example}",
                flush=True,
            )


def _sides(work: Path) -> Iterator[Side]:
    djbundle = Path(sys.executable).with_name("djbundle")
    subprocess.run([djbundle, "build", PROJECT, "-o", work / "site"], check=True, cwd=work, capture_output=True)
    site = Site(work / "site", work / "data", bare_environment(HOME=str(work)))
    site.run("migrate")
    options = ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--data-dir", str(site.data)]
    ours = [site.bundle, "serve", "--bind", "127.0.0.1:{port}", *options]

    def take_over(running: Running) -> None:
        before = site.told()["app"]
        running.processes[0].send_signal(signal.SIGHUP)
        _wait(lambda: site.told()["app"] != before)

    yield Side(Way("bundle", [ours], work, site.environment), take_over)

    peer = Peer(work, PROJECT)
    shutil.copy(site.data / "db.sqlite3", peer.project / "db.sqlite3")
    worker = [peer.python, "manage.py", "worker"]
    pid = work / "gunicorn.pid"

    def restart_gunicorn(_running: Running) -> None:
        """As its documentation has it: a second master beside the first, which is then told to leave."""
        before = int(pid.read_text())
        os.kill(before, signal.SIGUSR2)
        _wait(lambda: pid.with_suffix(".pid.2").exists())
        time.sleep(SETTLE)
        os.kill(before, signal.SIGQUIT)
        _wait(lambda: pid.exists() and int(pid.read_text() or before) != before)

    def reload_granian(running: Running) -> None:
        running.processes[0].send_signal(signal.SIGHUP)
        time.sleep(SETTLE)

    commands = dict(peer.servers("small.wsgi"))
    gunicorn = [*commands["gunicorn, threads"], "--pid", pid]
    yield Side(Way("gunicorn", [gunicorn, worker], peer.project, peer.environment), restart_gunicorn)
    if pid.exists():  # the last of its masters is no child of ours
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGTERM)
    yield Side(Way("Granian", [commands["Granian"], worker], peer.project, peer.environment), reload_granian)


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("nobody has taken over")
        time.sleep(0.05)


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
