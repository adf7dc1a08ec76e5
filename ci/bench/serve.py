"""The shop served: time to the first page, pages per second, memory; beside gunicorn and Granian in a venv."""

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ci.bench.peer import Peer
from ci.bench.servers import THREADS, WORKERS, ServerSetup, need
from ci.bench.start import build_shop
from tests.support.site import Site, bare_environment

PAGE = "/product/cushion-ticking/"  # two queries, a template
CONNECTIONS, SECONDS = 8, 5
MEGABYTE = 1_000_000


@dataclass
class Side:
    setup: ServerSetup
    first_page: list[float] = field(default_factory=list)  # seconds
    rate: list[float] = field(default_factory=list)  # pages per second
    memory: list[float] = field(default_factory=list)  # bytes, proportional set size

    def measure(self) -> None:
        with self.setup.running() as running:
            self.first_page.append(running.wait_for(PAGE) - running.began)
            running.load(PAGE, CONNECTIONS, SECONDS)  # fills caches
            self.rate.append(running.load(PAGE, CONNECTIONS, SECONDS).rate)
            self.memory.append(running.memory())


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run serve", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server [5]")
    rounds = parser.parse_args().rounds
    need("wrk")
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        sides = [Side(setup) for setup in _setups(Path(folder))]
        for number in range(rounds):
            for side in sides if number % 2 else reversed(sides):
                side.measure()
    _print_table(sides)


def _setups(work: Path) -> Iterator[ServerSetup]:
    bundle = build_shop(work)
    site = Site(bundle, work / "data", bare_environment(HOME=str(work)))
    site.run("migrate")
    site.run("demo_data")
    options = ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--data-dir", str(site.data)]
    yield ServerSetup("bundle", [[bundle, "serve", "--bind", "127.0.0.1:{port}", *options]], work, site.environment)

    peer = Peer(work)
    shutil.copy(site.data / "db.sqlite3", peer.project / "db.sqlite3")
    environment = peer.environment | {"SHOP_DEBUG": "0", "SHOP_HOSTS": "127.0.0.1"}
    worker: list[str | Path] = [peer.python, "manage.py", "worker"]
    for name, command in peer.servers("shop.wsgi"):
        yield ServerSetup(name, [command, worker], peer.project, environment)


def _print_table(sides: Sequence[Side]) -> None:
    """Print medians, and the ratio of djbundle's to each."""
    ours = sides[0]
    columns = (
        ("first page", "first_page", 1000, "ms"),
        ("pages/s", "rate", 1, ""),
        ("memory", "memory", 1 / MEGABYTE, "MB"),
    )
    print(f"{'':20}" + "".join(f"{title:>16}{'ratio':>7}" for title, *_ in columns))
    for side in sides:
        cells = []
        for _, name, factor, unit in columns:
            median = statistics.median(getattr(side, name))
            ratio = statistics.median(getattr(ours, name)) / median
            cells.append(f"{median * factor:>13.0f} {unit:2}{ratio:>7.2f}")
        print(f"{side.setup.name:20}" + "".join(cells))


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
