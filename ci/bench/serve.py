"""The shop served: time to the first page, pages per second, memory; beside gunicorn and Granian in a venv."""

import argparse
import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ci.bench.peer import Peer
from ci.bench.start import build_shop
from ci.mailbox import free_port
from ci.site import Site, bare_environment

PAGE = "/product/cushion-ticking/"  # two queries, a template
WORKERS, THREADS = 2, 4
CONNECTIONS, SECONDS = 8, 5
MEGABYTE = 1_000_000


@dataclass
class Server:
    """One way to serve the shop; several commands are several processes, as web server and task worker."""

    name: str
    commands: Sequence[Sequence[str | Path]]  # {port} stands for the port
    cwd: Path
    environment: Mapping[str, str]
    first_page: list[float] = field(default_factory=list)  # seconds
    rate: list[float] = field(default_factory=list)  # pages per second
    memory: list[float] = field(default_factory=list)  # bytes, proportional set size

    def measure(self) -> None:
        with self._running() as (url, began, processes):
            self.first_page.append(_wait_for(url + PAGE) - began)
            self.rate.append(_load(url + PAGE))
            self.memory.append(_memory_of(processes))

    @contextlib.contextmanager
    def _running(self) -> Iterator[tuple[str, float, list[subprocess.Popen[bytes]]]]:
        port = free_port()
        began = time.monotonic()
        processes = []
        for command in self.commands:
            words = [str(word).replace("{port}", str(port)) for word in command]
            processes.append(
                subprocess.Popen(
                    words, cwd=self.cwd, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
        try:
            yield f"http://127.0.0.1:{port}", began, processes
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(30)


def _wait_for(url: str) -> float:
    """Ask until a page comes; when it has come, by the monotonic clock."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            answer.read()
            return time.monotonic()
        time.sleep(0.002)
    raise TimeoutError(url)


def _load(url: str) -> float:
    """Pages per second; the second of two runs, since the first one fills caches."""
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{SECONDS}s", url]
    for _ in range(2):
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(told)
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert found
    return float(found[1])


def _memory_of(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    """Of all processes and those below them; pages that several share count once."""
    tops = [psutil.Process(process.pid) for process in processes]
    everyone = {process for top in tops for process in (top, *top.children(recursive=True))}
    return float(sum(process.memory_full_info().pss for process in everyone))


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run serve", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server [5]")
    rounds = parser.parse_args().rounds
    if not shutil.which("wrk"):
        sys.exit("error: there is no wrk on the PATH\n  fix: apt install wrk")
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        servers = list(_servers(Path(folder)))
        for number in range(rounds):
            for server in servers if number % 2 else reversed(servers):
                server.measure()
    _print_table(servers)


def _servers(work: Path) -> Iterator[Server]:
    bundle = build_shop(work)
    site = Site(bundle, work / "data", bare_environment(HOME=str(work)))
    site.run("migrate")
    site.run("demo_data")
    options = ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--data-dir", str(site.data)]
    yield Server("bundle", [[bundle, "serve", "--bind", "127.0.0.1:{port}", *options]], work, site.environment)

    peer = Peer(work)
    shutil.copy(site.data / "db.sqlite3", peer.project / "db.sqlite3")
    environment = peer.environment | {"SHOP_DEBUG": "0", "SHOP_HOSTS": "127.0.0.1"}
    worker = [peer.python, "manage.py", "worker"]
    gunicorn = ["gunicorn", "shop.wsgi", "--bind", "127.0.0.1:{port}", "--workers", str(WORKERS)]
    granian = ["granian", "shop.wsgi:application", "--interface", "wsgi", "--port", "{port}", "--workers", str(WORKERS)]
    for name, command in (
        ("gunicorn", gunicorn),
        ("gunicorn, threads", [*gunicorn, "--threads", str(THREADS)]),
        ("Granian", [*granian, "--blocking-threads", str(THREADS)]),
    ):
        yield Server(name, [[peer.folder / "bin" / command[0], *command[1:]], worker], peer.project, environment)


def _print_table(servers: Sequence[Server]) -> None:
    """Medians, and the ratio of ours to each."""
    ours = servers[0]
    columns = (
        ("first page", "first_page", 1000, "ms"),
        ("pages/s", "rate", 1, ""),
        ("memory", "memory", 1 / MEGABYTE, "MB"),
    )
    print(f"{'':20}" + "".join(f"{title:>16}{'ratio':>7}" for title, *_ in columns))
    for server in servers:
        cells = []
        for _, name, factor, unit in columns:
            median = statistics.median(getattr(server, name))
            ratio = statistics.median(getattr(ours, name)) / median
            cells.append(f"{median * factor:>13.0f} {unit:2}{ratio:>7.2f}")
        print(f"{server.name:20}" + "".join(cells))


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
