"""Tasks: drained, enqueued, started, killed; our worker beside its peers, each in a virtual environment of its own."""

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ci.bench.task_peers import figures
from ci.bench.task_peers.backlog import measure_backlog
from ci.bench.task_peers.document import ORDER, fill
from ci.bench.task_peers.drain import measure_drain
from ci.bench.task_peers.enqueue import measure_enqueue
from ci.bench.task_peers.kills import measure_kills
from ci.bench.task_peers.latency import measure_latency
from ci.bench.task_peers.machine import REPOSITORY, Machine
from ci.bench.task_peers.pages import measure_pages
from ci.bench.task_peers.side import FAILURES, POSTGRES, SQLITE, Side
from ci.bench.task_peers.table import Table
from tests.support.postgres import Postgres
from tests.support.redis import Redis

ON_SQLITE = ("ours", "django_tasks_db", "django_ox", "dj_queue", "huey_sqlite", "django_q2")
ON_POSTGRES = ("ours", "procrastinate_django", "django_tasks_db", "django_ox", "dj_queue", "celery_redis")
DATABASES = {SQLITE: ON_SQLITE, POSTGRES: ON_POSTGRES}
OUT = REPOSITORY / "ci" / "bench" / "charts"
DOCUMENTS = (REPOSITORY / "docs" / "benchmarks.md",)


class Bench:
    """The sections. Sides are made when a section needs them."""

    def __init__(self, machine: Machine, options: argparse.Namespace) -> None:
        self.machine, self.options = machine, options
        self.known_sides: dict[tuple[str, str], Side | None] = {}

    def drain(self) -> Iterator[Table]:
        for database in DATABASES:
            table = measure_drain(self.sides(database), database, self.options.tasks, self.options.rounds)
            if database == POSTGRES:
                table.remarks.append("all but Celery share one PostgreSQL; it and Redis are set up as they come")
            yield table

    def enqueue(self) -> Iterator[Table]:
        yield measure_enqueue(self.sides(SQLITE), self.options.tasks, self.options.rounds)

    def latency(self) -> Iterator[Table]:
        options = self.options
        for database in DATABASES:
            yield measure_latency(self.sides(database), database, options.samples, options.seconds, options.rounds)

    def backlog(self) -> Iterator[Table]:
        sides = [side for database in DATABASES if (side := self.side("ours", database))]
        yield measure_backlog(sides, self.options.rows, 10 * self.options.tasks, self.options.rounds)

    def pages(self) -> Iterator[Table]:
        side = self.side("ours", SQLITE)
        if side and shutil.which("wrk"):
            yield measure_pages(side, 5, self.options.rounds)
        else:
            print("\nnot measured: pages: there is no wrk on the PATH; install it:  apt install wrk")

    def kills(self) -> Iterator[Table]:
        for database in DATABASES:
            yield measure_kills(self.sides(database), database, self.options.tasks, self.options.kills)

    def sides(self, database: str) -> list[Side]:
        """Return the sides that can be measured."""
        chosen = [module for module in DATABASES[database] if self.is_chosen(module)]
        return [side for module in chosen if (side := self.side(module, database))]

    def is_chosen(self, module: str) -> bool:
        return module == "ours" or not self.options.peer or module in self.options.peer

    def side(self, module: str, database: str) -> Side | None:
        """Return a side, or None if it cannot be installed or set up: one line reports it, and the rest goes on."""
        key = (module, database)
        if key not in self.known_sides:
            try:
                if module == "celery_redis" and not self.machine.redis.program:
                    raise RuntimeError("there is no redis-server on the PATH; install it:  apt install redis-server")
                self.known_sides[key] = Side(self.machine, module, database)
            except FAILURES as error:
                self.known_sides[key] = None
                print(f"\nnot measured: {module} on {database}: {' '.join(str(error).split())[-300:]}")
        return self.known_sides[key]


SECTIONS: dict[str, Callable[[Bench], Iterator[Table]]] = {
    "drain": Bench.drain,
    "enqueue": Bench.enqueue,
    "latency": Bench.latency,
    "backlog": Bench.backlog,
    "pages": Bench.pages,
    "kills": Bench.kills,
}


def main() -> None:
    options = parse()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # progress, in a log too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no process is left behind
    if not options.charts:
        measure(options)
    tables = figures.load(options.out)
    if not tables:
        sys.exit(f"error: there are no figures in {options.out / figures.NAME}\n  fix: ci/bench/run tasks")
    figures.draw(options.out, tables.values())
    if options.out == OUT:  # a run with another --out changes no document
        for document in DOCUMENTS:
            fill(document, tables, OUT)
    print(f"\n{len(tables)} of {len(ORDER)} charts are in {options.out}")


def measure(options: argparse.Namespace) -> None:
    """Measure the chosen sections. Each table is saved as soon as it is complete."""
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-", dir=options.work, ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        work.chmod(0o755)  # the user of PostgreSQL must enter it
        with Postgres(work / "postgres", durable=True) as postgres, Redis(work / "redis") as redis:
            bench = Bench(Machine(work, postgres, redis), options)
            for name in options.section or SECTIONS:
                print(f"\n{name} ...", flush=True)
                for table in SECTIONS[name](bench):
                    table.facts = bench.machine.facts(command_of(name, options))
                    table.show()
                    figures.keep(options.out, table)


def command_of(section: str, options: argparse.Namespace) -> str:
    """Return the command that repeats this measurement."""
    values = {f"--{name}": getattr(options, name) for name in ("tasks", "rounds", "rows", "kills")}
    used = {"backlog": ("--tasks", "--rounds", "--rows"), "kills": ("--tasks", "--kills")}
    used |= {"pages": ("--rounds",), "latency": ("--rounds",)}
    words = [word for name in used.get(section, ("--tasks", "--rounds")) for word in (name, str(values[name]))]
    return shlex.join(["ci/bench/run", "tasks", section, *words])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/bench/run tasks", description=__doc__)
    add = parser.add_argument
    add("section", nargs="*", help=f"of {', '.join(SECTIONS)} [all]")
    add("--charts", action="store_true", help="measure nothing: draw what is kept, and fill the documents with it")
    add("--rounds", type=int, default=3, help="runs of each side, in turn [%(default)s]")
    add("--tasks", type=int, default=1000, help="to drain, enqueue or kill in a run [%(default)s]")
    add("--kills", type=int, default=20, help="of processes, spread over the tasks [%(default)s]")
    add("--rows", type=int, default=1_000_000, help="finished ones in `backlog` [%(default)s]")
    add("--samples", type=int, default=150, help="of the latency in a run, at most [%(default)s]")
    add("--seconds", type=float, default=6, help="for the samples of a run [%(default)s]")
    peers = sorted({*ON_SQLITE, *ON_POSTGRES} - {"ours"})
    add("--peer", action="append", choices=[*peers, "none"], help="beside ours [all]")
    add("--work", type=Path, help="folder for the databases; the disk counts [a temporary one]")
    add("--out", type=Path, default=OUT, metavar="DIR", help="where figures and charts go [ci/bench/charts]")
    options = parser.parse_args()
    if unknown := set(options.section) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    for name in ("rounds", "tasks", "kills", "rows", "samples"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return options


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
