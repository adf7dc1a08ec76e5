"""Checks the promises of a task backend: ``python -m djbundle.tasks.conformance --settings shop.settings``."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import django


def main() -> int:
    """Print how each promise ends. Return 1 if one is broken, else 0."""
    options = parse()
    if options.settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = options.settings
    django.setup()
    from djbundle.tasks import compat  # noqa: PLC0415 - after setup
    from djbundle.tasks.conformance import jobs, report, testbed  # noqa: PLC0415 - after setup
    from djbundle.tasks.conformance.promise import BROKEN  # noqa: PLC0415
    from djbundle.tasks.conformance.promises import promises  # noqa: PLC0415
    from djbundle.tasks.conformance.workers import Workers  # noqa: PLC0415

    backend = compat.task_backends[jobs.ALIAS]
    chosen = [each for each in promises if not options.only or any(text in each.name for text in options.only)]
    with tempfile.TemporaryDirectory(prefix="djbundle-conformance-") as folder:
        workers = Workers(commands_for(backend, options), options.worker_log or Path(folder, "log"))
        bench = testbed.Testbed(backend, workers, options.patience, options.long)
        outcomes = []
        try:
            for promise in chosen:
                outcomes.append(bench.check(promise))
                print(f"{outcomes[-1].verdict:12}  {promise.sentence}", file=sys.stderr)
        finally:
            workers.stop()
            testbed.delete_rows()
    formats = {"json": report.as_json, "markdown": report.as_markdown, "text": report.as_text}
    print(formats[options.format](outcomes))
    return int(any(each.verdict == BROKEN for each in outcomes))


def commands_for(backend: object, options: argparse.Namespace) -> Sequence[str]:
    """Return the commands that start the workers. Exit if nothing says how."""
    from djbundle.tasks import DatabaseBackend, InlineBackend  # noqa: PLC0415 - after setup
    from djbundle.tasks.conformance.workers import OURS  # noqa: PLC0415

    if options.worker or options.no_worker:
        return options.worker or ()
    if isinstance(backend, InlineBackend):
        return ()
    if isinstance(backend, DatabaseBackend):
        return (OURS,)
    sys.exit(
        f"error: nothing says how to start a worker of {type(backend).__name__}\n"
        '  fix: say  --worker "python manage.py ..."  once for each kind of worker, or --no-worker'
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m djbundle.tasks.conformance", description=__doc__)
    add = parser.add_argument
    add("--settings", help="the settings module [DJANGO_SETTINGS_MODULE]; its database should be one for tests")
    add("--backend", default="default", help="the alias in TASKS [default]")
    add("--worker", action="append", metavar="COMMAND", help="starts a worker; may be repeated [djbundle's worker]")
    add("--no-worker", action="store_true", help="the backend runs tasks where they are enqueued")
    add("--worker-log", type=Path, metavar="FILE", help="keep what the workers print")
    add("--only", action="append", metavar="TEXT", help="only promises with this text in their name; may be repeated")
    add("--patience", type=float, default=90, metavar="SECONDS", help="until a task must have run [90]")
    add("--long", type=float, default=40, metavar="SECONDS", help="of a task that is longer than the lease [40]")
    add("--json", dest="format", action="store_const", const="json", default="text", help="print a list of objects")
    add("--markdown", dest="format", action="store_const", const="markdown", help="print a table in Markdown")
    options = parser.parse_args()
    os.environ["CONFORMANCE_BACKEND"] = options.backend
    return options


if __name__ == "__main__":
    sys.exit(main())
