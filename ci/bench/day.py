"""A shop's day in minutes: customers, mails, an import; the bundle beside gunicorn, Celery and Redis.

Both run all the time and get customers in turn, a few seconds each. So a machine whose speed changes from minute to
minute affects both alike.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ci.bench.customers import CustomerResults, run_customers
from ci.bench.peer import Peer
from ci.bench.servers import THREADS, WORKERS, RunningServer, ServerSetup, need
from ci.bench.start import build_shop
from tests.support.outside import Outside
from tests.support.site import Site, bare_environment

DAY = 50_000  # customers
FASTER = 5  # times as fast as on a real day
AT_ONCE = 16  # customers at once in runs at full speed
MANY = 200  # so many at once that no customer waits for another
BATCHES = 10  # of customers, at full speed
MEGABYTE = 1_000_000
MAIL_TIMEOUT = 300.0  # seconds for the last mail
# A stock list whose import takes as long as the customers do, and which leaves enough stock of each product.
IMPORT = """
from django.core.files.base import ContentFile
from catalogue.models import Product, StockImport
from catalogue.tasks import import_stock
skus = list(Product.objects.values_list("sku", flat=True))
rows = "\\n".join(f"{skus[n % len(skus)]},{100000 + n}" for n in range(ROWS))
job = StockImport.objects.create(file=ContentFile(f"sku,stock\\n{rows}\\n".encode(), "stock.csv"))
import_stock.enqueue(job.pk)
"""
ROWS_EACH = 30  # for each customer
LEFT = "from catalogue.models import StockImport; print(StockImport.objects.exclude(status='done').count())"


@dataclass
class Side:
    setup: ServerSetup
    shell: Sequence[str | Path]  # the command that runs Python code
    full_speed: list[CustomerResults] = field(default_factory=list)
    calm: list[CustomerResults] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # bytes

    def run_fast(self, running: RunningServer, outside: Outside, customers: int) -> None:
        self.full_speed.append(self._run(running, outside, customers, AT_ONCE, None))

    def run_calmly(self, running: RunningServer, outside: Outside, seconds: int) -> None:
        rate = FASTER * DAY / 86400
        self.calm.append(self._run(running, outside, int(seconds * rate), MANY, rate))
        self.memory.append(running.memory())

    def _run(
        self, running: RunningServer, outside: Outside, customers: int, at_once: int, per_second: float | None
    ) -> CustomerResults:
        """Start an import, then the customers. Return when the last mail has come and the import has ended."""
        mails = len(outside.mailbox.messages)
        self._python(IMPORT.replace("ROWS", str(ROWS_EACH * customers)))
        results = run_customers(running.url, customers, at_once, per_second)
        end = time.monotonic() + MAIL_TIMEOUT
        while (missing := results.bought - (len(outside.mailbox.messages) - mails)) > 0 or self._python(LEFT) != "0":
            if time.monotonic() > end:
                results.failures["a mail that did not come"] += missing
                break
            time.sleep(1)
        return results

    def _python(self, code: str) -> str:
        done = subprocess.run(
            [*self.shell, code],
            cwd=self.setup.cwd,
            env=self.setup.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run day", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side, in turn [3]")
    parser.add_argument(
        "--customers", type=int, default=1000, help=f"of the {DAY:,} of a day, as fast as can be [1000]"
    )
    parser.add_argument("--seconds", type=int, default=60, help=f"that they come {FASTER} times as fast as really [60]")
    options = parser.parse_args()
    need("redis-server")
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder, Outside() as outside:
        sides = list(_sides(Path(folder), outside.settings()))
        for _ in range(options.rounds):
            _measure(sides, outside, options.customers, options.seconds)
    _print_table(sides)


def _measure(sides: Sequence[Side], outside: Outside, customers: int, seconds: int) -> None:
    with ExitStack() as stack:
        running = [(side, stack.enter_context(side.setup.running())) for side in sides]
        for _, each in running:
            each.wait_for("/")
        for number in range(BATCHES):
            for side, each in running if number % 2 else reversed(running):
                side.run_fast(each, outside, customers // BATCHES)
        for side, each in running:
            side.run_calmly(each, outside, seconds)


def _sides(work: Path, settings: Mapping[str, str]) -> Iterator[Side]:
    site = Site(build_shop(work), work / "data", bare_environment(HOME=str(work), **settings))
    site.run("migrate")
    site.run("demo_data")
    place: list[str | Path] = ["--data-dir", site.data]
    serve: list[str | Path] = [site.bundle, "serve", "--bind", "127.0.0.1:{port}", "--workers", str(WORKERS)]
    setup = ServerSetup("the bundle", [[*serve, "--blocking-threads", str(THREADS), *place]], work, site.environment)
    yield Side(setup, [site.bundle, "shell", *place, "-v0", "-c"])
    yield _peer(work, site, settings)


def _peer(work: Path, site: Site, settings: Mapping[str, str]) -> Side:
    peer = Peer(work, packages=("celery[redis]", "redis"))
    shutil.copytree(Path(__file__).with_name("day_peer"), peer.project, dirs_exist_ok=True)
    shutil.copy(site.data / "db.sqlite3", peer.project / "db.sqlite3")
    shutil.copytree(site.data / "media", peer.project / "media")
    socket = work / "redis.sock"
    environment = {
        **peer.environment,
        **settings,
        "DJANGO_SETTINGS_MODULE": "celery_settings",
        "SHOP_REDIS": str(socket),
        "SHOP_DEBUG": "0",
        "SHOP_HOSTS": "127.0.0.1",
    }
    manage: list[str | Path] = [peer.python, "manage.py"]
    subprocess.run([*manage, "collectstatic", "--noinput", "-v0"], cwd=peer.project, env=environment, check=True)
    redis: list[str | Path] = [shutil.which("redis-server") or "", "--port", "0", "--unixsocket", socket, "--dir", work]
    _, gunicorn = [*peer.servers("shop.wsgi")][1]
    celery: list[str | Path] = [peer.python, "-m", "celery", "--app", "celery_shop", "worker", "--beat"]
    celery += ["--concurrency", str(WORKERS), "--schedule", work / "beat", "--loglevel", "ERROR"]
    setup = ServerSetup("gunicorn, Celery, Redis", [redis, gunicorn, celery], peer.project, environment)
    return Side(setup, [*manage, "shell", "-v0", "-c"])


def _print_table(sides: Sequence[Side]) -> None:
    """Print medians of all batches and rounds, and the sum of the failures."""
    print(
        f"{'':26}{'customers/min':>14}{'a day in':>10}{'p99':>10}{f'p99 at {FASTER}x':>12}{'memory':>9}{'failures':>10}"
    )
    for side in sides:
        rate = statistics.median(60 * results.customers / results.seconds for results in side.full_speed)
        fast, calm = (
            statistics.median(results.percentile(0.99) for results in each) for each in (side.full_speed, side.calm)
        )
        memory = statistics.median(side.memory) / MEGABYTE
        failures = sum((results.failures.total() for results in (*side.full_speed, *side.calm)), 0)
        numbers = f"{rate:14.0f}{DAY / rate:6.0f} min{fast:7.0f} ms{calm:9.0f} ms{memory:6.0f} MB{failures:10}"
        print(f"{side.setup.name:26}{numbers}")
        for results in (*side.full_speed, *side.calm):
            for what, count in results.failures.most_common(3):
                print(f"  {count} times {what}")


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
