"""Backups of a large SQLite database: beside `sqlite3 .backup`, what pages wait meanwhile, and a restore to serving.

Both sides write the same database to the same disk, in turn. Ours also compresses, hashes and syncs it. Pages are
requested at a steady rate, so that a page that waits does not keep the next one from being requested.
"""

import argparse
import http.client
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from ci.bench.measure import Side, print_table, take_turns
from ci.bench.peer import REPOSITORY
from ci.bench.servers import need
from djbundle.builder import pipeline
from djbundle.builder.core.console import Console
from djbundle.builder.options import BuildOptions
from tests.support.site import Site, bare_environment

PROJECT = REPOSITORY / "tests" / "projects" / "small"
RATE = 40  # pages a second
CLIENTS = 16
TARGETS = {"backup": 1.3, "p99": 2.0}  # times sqlite3 .backup, and times idle
RESTORE_TARGET = 60.0  # seconds
# Rows as those of a shop: words that repeat, and numbers and tokens that do not.
FILL = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, token TEXT, address TEXT, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO orders SELECT i, lower(hex(randomblob(16))), 'Customer ' || i || ', Street ' || (random() % 977),
    printf('%s paid %d.%02d, mailed, shipped by parcel %s', hex(randomblob(8)), i % 900, i % 100, hex(randomblob(60)))
    FROM n;
CREATE INDEX by_token ON orders (token);
"""
ROW = 330  # bytes, with the index


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run backup", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2048, help="size of the database [2048]")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side [5]")
    parser.add_argument("--seconds", type=int, default=20, help="for which pages are requested on an idle site [20]")
    parser.add_argument("--bundle", type=Path, help="a bundle of tests/projects/small; by default one is built")
    options = parser.parse_args()
    need("sqlite3")
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-", dir="/var/tmp") as name:  # on a disk
        folder = Path(name)
        site = prepare(folder, options.bundle, options.megabytes)
        compare_backups(site, folder, options.rounds)
        compare_pages(site, folder, options.seconds, options.rounds)
        measure_restore(site, folder)


def prepare(folder: Path, bundle: Path | None, megabytes: int) -> Site:
    """Return a site whose database has this size."""
    if bundle is None:
        bundle = folder / "small"
        pipeline.build(BuildOptions(project=PROJECT, output=bundle), Console())
    site = Site(bundle, folder / "data", bare_environment())
    site.run_timeout = 3600.0
    site.run("migrate", "-v0")
    sql = FILL.format(rows=(megabytes << 20) // ROW)
    subprocess.run(["sqlite3", database_of(site)], input=sql, text=True, check=True, capture_output=True)
    print(f"database: {database_of(site).stat().st_size >> 20} MB")
    return site


def database_of(site: Site) -> Path:
    return site.data / "db.sqlite3"


def compare_backups(site: Site, folder: Path, rounds: int) -> None:
    ours, theirs = folder / "ours", folder / "theirs"
    commands = {
        "shop backup": f"{site.bundle} backup {ours} --data-dir {site.data}; rm -r {ours}",
        "sqlite3 .backup": f"sqlite3 {database_of(site)} '.backup {theirs}'; rm {theirs}",
    }
    sides = [Side(name, ["sh", "-ec", command], folder, site.environment) for name, command in commands.items()]
    take_turns(sides, rounds)
    print_table(sides)
    ratio = sides[0].median / sides[1].median
    print(f"shop backup takes {ratio:.2f} times as long as sqlite3 .backup (target: {TARGETS['backup']})")


def compare_pages(site: Site, folder: Path, seconds: int, rounds: int) -> None:
    """Compare the waits for pages of an idle site with those during backups of the priority that `serve` gives them."""
    idle: list[float] = []
    busy: list[float] = []
    with site:
        for _ in range(rounds):
            ended = threading.Event()
            threading.Timer(seconds, ended.set).start()
            idle += request_pages(site.url, ended)
            ended = threading.Event()
            backup = threading.Thread(target=back_up_then, args=(site, folder / "ours", ended))
            backup.start()
            busy += request_pages(site.url, ended)
            backup.join()
    before, during = p99(idle), p99(busy)
    print(f"p99 of a page: {before * 1000:.1f} ms idle ({len(idle)} pages), {during * 1000:.1f} ms ({len(busy)} pages)")
    print(f"p99 during a backup is {during / before:.2f} times that of an idle site (target: {TARGETS['p99']})")


def back_up_then(site: Site, folder: Path, ended: threading.Event) -> None:
    try:
        subprocess.run(["nice", "-n", "15", site.bundle, "backup", folder, "--data-dir", site.data], check=True)
        shutil.rmtree(folder)
    finally:
        ended.set()


def request_pages(url: str, ended: threading.Event) -> list[float]:
    """Request pages at the rate until `ended`, and return the seconds from when each was due."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        futures = []
        due = time.monotonic()
        while not ended.is_set():
            futures.append(clients.submit(request, url, due))
            due += 1 / RATE
            ended.wait(max(0.0, due - time.monotonic()))
        return [future.result() for future in futures]


def request(url: str, due: float) -> float:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", "/")
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"/ is answered by {response.status}")
    return time.monotonic() - due


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[-1]


def measure_restore(site: Site, folder: Path) -> None:
    """Measure the time from `restore` on an empty machine until the first page."""
    site.run("backup", str(folder / "ours"))
    (backup,) = (folder / "ours").iterdir()
    restored = Site(site.bundle, folder / "restored", site.environment)
    restored.run_timeout = 3600.0
    began_at = time.monotonic()
    restored.run("restore", str(backup), "--no-hold")
    unpacked_at = time.monotonic()
    with restored:
        request(restored.url, time.monotonic())
        seconds = time.monotonic() - began_at
    size = backup.stat().st_size >> 20
    print(f"restore of {size} MB to the first page: {seconds:.1f} s, {unpacked_at - began_at:.1f} of them `restore`")
    print(f"(target: {RESTORE_TARGET:.0f} s)")


if __name__ == "__main__":
    main()
