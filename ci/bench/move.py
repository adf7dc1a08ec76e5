"""A shop with many orders moves to PostgreSQL while it is written to; beside pgloader, which needs it closed.

Each round begins with a fresh copy of the same SQLite file and an empty database. Ours includes the rehearsal, the
comparison of all rows and the switch; pgloader copies tables and makes indexes.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ci.bench.peer import REPOSITORY
from ci.bench.servers import need
from djbundle.builder import pipeline
from djbundle.builder.core.console import Console
from djbundle.builder.options import BuildOptions
from tests.support.customer import Customer, first_product
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.servers import running
from tests.support.site import Site, bare_environment, copy_bundle

WRITES_A_SECOND = 10
PASSWORD = "benchmark"
ORDERS_SQL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :orders)
INSERT INTO orders_order (token, status, language, email, name, address, postcode, city, country, total, card_token,
    charge_id, created_at, mailed_at)
SELECT lower(hex(randomblob(16))), 'paid', 'de', 'customer' || i || '@example.com', 'Customer ' || i,
    'Street ' || (i % 977), 10000 + i % 80000, 'Town', 'Germany', (i % 10000) / 100.0, 'tok_' || i, 'ch_' || i,
    datetime('2026-01-01', i || ' seconds'), NULL FROM n
"""
PGLOADER = """
LOAD DATABASE FROM sqlite://{file} INTO {url}
WITH include drop, create tables, create indexes, reset sequences, workers = 2, concurrency = 1;
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run move", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000, help="rows of the largest table [1000000]")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side [3]")
    options = parser.parse_args()
    need("pgloader", "sqlite3")
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-", dir="/var/tmp") as folder:  # on a disk
        measure(Path(folder), options.orders, options.rounds)


def measure(folder: Path, orders: int, rounds: int) -> None:
    pipeline.build(BuildOptions(project=REPOSITORY / "sample_shop", output=folder / "built"), Console())
    bundle = copy_bundle(folder / "built", folder / "alone")
    stocked = stock(bundle, folder / "stocked", orders)
    ours, theirs, stops = [], [], []
    with running(lambda place: Postgres(place, port=free_port(), durable=True)) as server:
        server.set_password(PASSWORD)
        for number in range(rounds):
            theirs.append(run_pgloader(server, stocked, folder, number))
            seconds, stopped = run_move(server, bundle, stocked, folder, number)
            ours.append(seconds)
            stops.append(stopped)
            print(
                f"round {number + 1}: move {ours[-1]:.1f} s, writes waited {stopped:.1f} s; pgloader {theirs[-1]:.1f} s"
            )
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"\n{orders:,} orders, {WRITES_A_SECOND} writes/s during the move, all hashes equal")
    print(f"{'move':12}{statistics.median(ours):>8.1f} s   writes waited at most {max(stops):.1f} s")
    print(f"{'pgloader':12}{statistics.median(theirs):>8.1f} s   the site is closed")
    print(f"{'ratio':12}{ratio:>8.2f}")


def stock(bundle: Path, data: Path, orders: int) -> Path:
    """Return the data directory of a shop with so many orders."""
    site = Site(bundle, data, bare_environment())
    site.run("migrate")
    site.run("demo_data")
    (file,) = data.glob("*.sqlite3")
    subprocess.run(["sqlite3", file, ORDERS_SQL.replace(":orders", str(orders)), "PRAGMA wal_checkpoint"], check=True)
    return data


def url_of(server: Postgres, name: str) -> str:
    server.create_database(name)
    return f"postgresql://{server.owner}:{PASSWORD}@127.0.0.1:{server.port}/{name}"


def run_pgloader(server: Postgres, stocked: Path, folder: Path, number: int) -> float:
    (file,) = stocked.glob("*.sqlite3")
    script = folder / "pgloader.load"
    script.write_text(PGLOADER.format(file=file, url=url_of(server, f"pgloader{number}")))
    begun = time.monotonic()
    subprocess.run(["pgloader", "--on-error-stop", script], check=True, capture_output=True)
    return time.monotonic() - begun


def run_move(server: Postgres, bundle: Path, stocked: Path, folder: Path, number: int) -> tuple[float, float]:
    """Return the seconds of the whole move, and those in which writes waited."""
    data = Path(shutil.copytree(stocked, folder / f"data{number}"))
    with Site(bundle, data, bare_environment()) as site, writes(site):
        begun = time.monotonic()
        command = [str(bundle), "move", url_of(server, f"move{number}"), "--json", "--data-dir", str(data)]
        output = subprocess.run(command, env=site.environment, check=True, capture_output=True, text=True).stdout
        seconds = time.monotonic() - begun
    shutil.rmtree(data)
    return seconds, float(json.loads(output.splitlines()[-1])["seconds"])


@contextmanager
def writes(site: Site) -> Iterator[None]:
    """Fill baskets in the meantime: each is a session that is written."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            while not ended.wait(1 / WRITES_A_SECOND):
                fill_basket(site)
        except BaseException as error:  # it is raised below
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


def fill_basket(site: Site) -> None:
    customer = Customer(site.url)
    slug = first_product(customer.get("/"))
    page = customer.post(f"/basket/add/{slug}/", f"/product/{slug}/", quantity="1")
    if page.status != 200:
        raise RuntimeError(f"a basket was refused: {page.status}")


if __name__ == "__main__":
    main()
