"""Says how many relays, queues and workers carry a rate of tasks: ``python -m ci.model``."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ci.model import tables
from ci.model.costs import RECORDED, Measured
from ci.model.document import DOCUMENT, filled, make_blocks


def main() -> None:
    """Print the tables, or write them into the document."""
    options = parse()
    measured = Measured.load(options.costs)
    if options.write:
        DOCUMENT.write_text(filled(DOCUMENT.read_text(), make_blocks(measured)))
        print(f"{DOCUMENT} is written")
        return
    plans = [*tables.make_plans(measured.costs, options.task_ms / 1000, options.rate or tables.RATES)]
    if options.json:
        print(json.dumps([asdict(plan) | {"dollars": plan.dollars} for plan in plans], indent=1))
        return
    for title, text in (
        ("Plans", tables.plans(plans)),
        ("Tasks per second that one part carries", tables.parts(measured.costs)),
        ("Microseconds of CPU that a task costs each part", tables.prices(measured.costs)),
        ("Drains of one worker, all parts on one machine", tables.check(measured)),
    ):
        print(f"\n{title}\n\n{text}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ci.model", description=__doc__)
    add = parser.add_argument
    add("--rate", type=float, action="append", help="tasks per second; may be repeated [1000, 100000, 3000000]")
    add("--task-ms", type=float, default=0.0, help="milliseconds of CPU that a task itself uses [0]")
    add("--costs", type=Path, default=RECORDED, help="a file of ci.model.measure [ci/model/measured.json]")
    add("--json", action="store_true", help="print the plans as JSON")
    add("--write", action="store_true", help="write the tables into docs/capacity.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
