"""Tasks over Redis: from commit to start, to the record, and what a request pays; beside Celery and RQ."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ci.bench.task_peers.broker import measure_costs, measure_throughput, ratio_of
from ci.bench.task_peers.latency import measure_latency
from ci.bench.task_peers.machine import Machine
from ci.bench.task_peers.side import FAILURES, POSTGRES, SQLITE, TITLES, Side
from ci.bench.task_peers.table import Table
from tests.support.postgres import Postgres
from tests.support.redis import Redis

RECORDING = ("ours_redis", "celery_results", "django_tasks_rq")  # sides that record outcomes
DIRECT = ("ours_direct", "celery_direct")  # that record none
SECTIONS = ("latency", "throughput", "direct", "enqueue")


class Bench:
    """The sections. Sides are made when a section needs them."""

    def __init__(self, machine: Machine, options: argparse.Namespace) -> None:
        self.machine, self.options = machine, options
        self.known: dict[tuple[str, str], Side] = {}

    def tables(self, section: str, database: str) -> Iterator[Table]:
        options = self.options
        if section == "latency":
            sides = self.sides(RECORDING, database)
            yield measure_latency(sides, database, options.samples, options.seconds, options.rounds)
        elif section == "throughput":
            title = f"{TITLES[database]} and Redis, tasks from enqueue to recorded outcome, one worker process"
            sides = self.sides(RECORDING, database)
            yield measure_throughput(sides, f"broker-{database}", title, options.tasks, options.rounds)
        elif section == "direct":
            title = f"{TITLES[database]} and Redis, tasks whose success is not recorded, one worker process"
            sides = self.sides(DIRECT, database)
            yield measure_throughput(sides, f"direct-{database}", title, options.tasks, options.rounds)
        else:
            sides = self.sides((*RECORDING, "ours_direct"), database)
            yield measure_costs(sides, database, options.requests, options.rounds)

    def sides(self, modules: tuple[str, ...], database: str) -> list[Side]:
        """Return the sides that can be set up. One line reports each other one."""
        sides = []
        for module in modules:
            try:
                key = (module, database)
                if key not in self.known:
                    self.known[key] = Side(self.machine, module, database)
                sides.append(self.known[key])
            except FAILURES as error:
                print(f"\nnot measured: {module}: {' '.join(str(error).split())[-300:]}")
        return sides


def main() -> None:
    options = parse()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # progress, in a log too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no process is left behind
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-", dir=options.work, ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        work.chmod(0o755)  # the user of PostgreSQL must enter it
        with Postgres(work / "postgres", durable=True) as postgres, Redis(work / "redis") as redis:
            if not redis.program:
                sys.exit("error: there is no redis-server on the PATH\n  fix: apt install redis-server")
            bench = Bench(Machine(work, postgres, redis), options)
            for database in options.database or (POSTGRES, SQLITE):
                for section in options.section or SECTIONS:
                    for table in bench.tables(section, database):
                        table.show()
                        print(f"  {ratio_of(table)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/bench/run broker", description=__doc__)
    add = parser.add_argument
    add("section", nargs="*", help=f"of {', '.join(SECTIONS)} [all]")
    add("--database", action="append", choices=[POSTGRES, SQLITE], help="[both]")
    add("--rounds", type=int, default=3, help="runs of each side, in turn [%(default)s]")
    add("--tasks", type=int, default=10_000, help="of a run, at most [%(default)s]")
    add("--requests", type=int, default=500, help="that enqueue, in a run [%(default)s]")
    add("--samples", type=int, default=150, help="of the latency in a run, at most [%(default)s]")
    add("--seconds", type=float, default=8, help="for the samples of a run [%(default)s]")
    add("--work", type=Path, help="folder for the databases; the disk counts [a temporary one]")
    options = parser.parse_args()
    if unknown := set(options.section) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    main()
