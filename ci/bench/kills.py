"""Kills: what becomes of tasks on each engine while everything around them is killed."""

import argparse
import dataclasses
import json
import os
import random
import signal
import sys

import django

from ci.bench.engine_kills.engines import ENGINES, Engine, running_engine


def main() -> int:
    """Run one engine, since a process has one database. Return 1 if a promise is broken."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no process is left behind
    with running_engine(options.engine) as engine:
        os.environ |= engine.environment
        report = measure(engine, options)
    print(json.dumps(report) if options.json else text_of(report))
    return 0 if report["is sound"] else 1


def measure(engine: Engine, options: argparse.Namespace) -> dict[str, object]:
    """Make the tables, run the trial, and return its figures."""
    if engine.name == "celery":
        os.environ["DJANGO_SETTINGS_MODULE"] = "ci.bench.engine_kills.settings"  # of this process, which has no Celery
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - after setup

    from ci.bench.engine_kills import ledger  # noqa: PLC0415 - after setup
    from ci.bench.engine_kills.trial import run_trial  # noqa: PLC0415 - after setup
    from ci.bench.engine_kills.victims import plan  # noqa: PLC0415 - after setup

    call_command("migrate", verbosity=0)
    ledger.prepare(has_records=engine.has_records)
    planned = plan(engine, options.kills, options.seed, options.spare)
    trial = run_trial(engine, options.tasks, planned, options.python, options.log)
    figures = {name.replace("_", " "): value for name, value in dataclasses.asdict(trial.fate).items()}
    del figures["lost numbers"]
    head = {"engine": engine.name, "kills": trial.kills.total(), "seconds": round(trial.seconds), "seed": options.seed}
    return (
        head
        | figures
        | {
            "is sound": trial.fate.is_sound,
            "each": dict(trial.kills),
            "lost before": dict(trial.lost),
            "again after": dict(trial.again),
        }
    )


def text_of(report: dict[str, object]) -> str:
    return "\n".join(f"{name:>16}  {value}" for name, value in report.items())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/bench/run kills", description=__doc__)
    add = parser.add_argument
    add("engine", choices=ENGINES)
    add("--tasks", type=int, default=100_000, help="[%(default)s]")
    add("--kills", type=int, default=200, help="[%(default)s]")
    add("--seed", type=int, default=random.randrange(1 << 30), help="of the order of the kills [a random one]")
    add("--python", default=sys.executable, help="for `celery`: of an environment with Celery, Django and psycopg")
    add("--spare", action="append", default=[], metavar="WHAT", help='never kill this, such as "broker emptied"')
    add("--json", action="store_true", help="for machines")
    add("--log", action="store_true", help="print each kill")
    options = parser.parse_args()
    if options.tasks < 1 or options.kills < 0:
        parser.error("--tasks must be at least 1, and --kills at least 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
