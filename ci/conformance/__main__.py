"""Checks what is promised on each engine: ``python -m ci.conformance``. It starts the servers itself."""

import argparse
import sys
import tempfile
from pathlib import Path

from ci.conformance import recorded, tables
from djbundle.tasks.conformance.report import summary
from tests.support.engines import ENGINES, Servers


def main() -> int:
    """Run the engines, print a line for each, and return 1 if one of ours breaks a promise."""
    options = parse()
    chosen = [engine for engine in ENGINES if engine.name in (options.engine or [each.name for each in ENGINES])]
    if options.no_run:
        chosen = []
    broken, runs = False, recorded.load()
    with Servers() as servers:
        for engine in chosen:
            with tempfile.TemporaryDirectory() as folder:
                result = engine.check(servers, Path(folder), "--json")
            if not result.stdout:
                sys.exit(f"{engine.name} did not run:\n{result.stderr}")
            runs = recorded.load() | {engine.name: recorded.parse(result.stdout)}
            print(f"{engine.title}: {summary(runs[engine.name])}", flush=True)
            broken = broken or (engine.is_ours and bool(result.returncode))
            if options.write:
                recorded.save(runs)
    if options.write:
        tables.write(recorded.load())
        print(f"{tables.DOCUMENT} is written")
    return int(broken)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ci.conformance", description=__doc__)
    add = parser.add_argument
    add("engine", nargs="*", help=f"engines to check [all]: {', '.join(engine.name for engine in ENGINES)}")
    add("--write", action="store_true", help="record the run, and write docs/conformance.md")
    add("--no-run", action="store_true", help="run nothing, and use what is recorded")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
