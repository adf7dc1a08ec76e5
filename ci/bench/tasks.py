"""Tasks: drained, enqueued, started, killed; our worker beside its peers, each in a virtual environment of its own."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ci.bench.task_peers.backlog import measure_backlog
from ci.bench.task_peers.drain import measure_drain
from ci.bench.task_peers.enqueue import measure_enqueue
from ci.bench.task_peers.kills import measure_kills
from ci.bench.task_peers.latency import measure_latency
from ci.bench.task_peers.pages import measure_pages
from ci.bench.task_peers.redis import Redis
from ci.bench.task_peers.side import POSTGRES, SQLITE, Machine, Side
from ci.bench.task_peers.table import Table
from ci.postgres import Postgres

ON_SQLITE = ("ours", "django_tasks_db", "django_ox", "dj_queue", "huey_sqlite", "django_q2")
ON_POSTGRES = ("ours", "procrastinate_django", "django_tasks_db", "django_ox", "dj_queue", "celery_redis")
CHARTS = Path(__file__).parent / "charts"


class Bench:
    """The sections; sides are made when one needs them."""

    def __init__(self, machine: Machine, options: argparse.Namespace) -> None:
        self.machine, self.options = machine, options
        self.made: dict[tuple[str, str], Side | None] = {}
        self.missing: dict[str, str] = {}

    def drain(self) -> Iterator[Table]:
        options = self.options
        yield measure_drain(self.sides(SQLITE), "drain-sqlite", "SQLite", options.tasks, options.rounds)
        table = measure_drain(self.sides(POSTGRES), "drain-postgresql", "PostgreSQL", options.tasks, options.rounds)
        table.remarks.append("all but Celery share one PostgreSQL server, with fsync off; Redis has its defaults")
        yield table

    def enqueue(self) -> Iterator[Table]:
        yield measure_enqueue(self.sides(SQLITE), self.options.tasks, self.options.rounds)

    def latency(self) -> Iterator[Table]:
        sides = [*self.sides(SQLITE), *self.sides(POSTGRES)]
        yield measure_latency(sides, self.options.samples, self.options.seconds)

    def backlog(self) -> Iterator[Table]:
        sides = [side for database in (SQLITE, POSTGRES) if (side := self.side("ours", database))]
        yield measure_backlog(sides, self.options.rows, self.options.tasks, self.options.rounds)

    def pages(self) -> Iterator[Table]:
        side = self.side("ours", SQLITE)
        if side and shutil.which("wrk"):
            yield measure_pages(side, 5, self.options.rounds)
        else:
            print("\npages not measured: there is no wrk on the PATH")

    def kills(self) -> Iterator[Table]:
        options = self.options
        ours, *peers = self.sides(SQLITE)
        yield measure_kills([ours], options.kill_tasks, options.kills)
        table = measure_kills(peers, options.peer_kill_tasks, options.kills)
        table.name = "kills-peers"
        yield table

    def sides(self, database: str) -> list[Side]:
        """Those that can be measured."""
        modules = ON_SQLITE if database == SQLITE else ON_POSTGRES
        return [side for module in modules if self.chosen(module) and (side := self.side(module, database))]

    def chosen(self, module: str) -> bool:
        return module == "ours" or not self.options.peer or module in self.options.peer

    def side(self, module: str, database: str) -> Side | None:
        key = (module, database)
        if module == "celery_redis" and not self.machine.redis.program:
            self.missing[module] = "there is no redis-server; install it:  apt install redis-server"
            return None
        if key not in self.made:
            try:
                self.made[key] = Side(self.machine, module, database)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                self.made[key] = None
                reason = error.stderr.decode()[-500:] if isinstance(error, subprocess.CalledProcessError) else error
                self.missing[f"{module}, {database}"] = str(reason)
        return self.made[key]


SECTIONS: dict[str, Callable[[Bench], Iterator[Table]]] = {
    "drain": Bench.drain,
    "enqueue": Bench.enqueue,
    "latency": Bench.latency,
    "backlog": Bench.backlog,
    "pages": Bench.pages,
    "kills": Bench.kills,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run tasks", description=__doc__)
    add = parser.add_argument
    add("section", nargs="*", help=f"of {', '.join(SECTIONS)} [all]")
    add("--rounds", type=int, default=2, help="runs of each side [%(default)s]")
    add("--tasks", type=int, default=1000, help="to drain or enqueue in a run [%(default)s]")
    add("--samples", type=int, default=150, help="of the latency [%(default)s]")
    add("--seconds", type=float, default=6, help="for the samples of one side [%(default)s]")
    add("--rows", type=int, default=1_000_000, help="finished ones in `backlog` [%(default)s]")
    add("--kills", type=int, default=20, help="[%(default)s]")
    add("--kill-tasks", type=int, default=10_000, help="ours, in `kills` [%(default)s]")
    add("--peer-kill-tasks", type=int, default=500, help="those of each peer, in `kills` [%(default)s]")
    add("--peer", action="append", choices=sorted({*ON_SQLITE, *ON_POSTGRES}), help="beside ours [all]")
    add("--work", type=Path, help="folder for the databases; the disk counts [a temporary one]")
    add("--svg", type=Path, default=CHARTS, metavar="DIR", help="where charts go [ci/bench/charts]")
    options = parser.parse_args()
    if unknown := set(options.section) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing that runs is left behind
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-", dir=options.work, ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        work.chmod(0o755)  # the user of PostgreSQL must enter it
        with Postgres(work / "postgres") as postgres, Redis(work / "redis") as redis:
            bench = Bench(Machine(work, postgres, redis), options)
            for name in options.section or SECTIONS:
                for table in SECTIONS[name](bench):
                    table.show()
                    table.draw(options.svg)
            for side, reason in bench.missing.items():
                print(f"\nnot measured: {side}: {reason}")


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
