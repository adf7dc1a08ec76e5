"""Runs CPython's own tests in a bundle and in the virtual environment: ``python -m ci.language``.

The tests are the code of a project, which is built as any other. Each module runs in a process of its own on both
sides. A test that ends differently without a reason in reasons.py is printed, and the exit code is then 1.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ci.language import record, tables
from ci.language.project import make_project, modules_of
from ci.language.reasons import unexplained
from ci.language.record import Module
from ci.language.run import INSIDE, Sides
from ci.language.selection import selected

DJBUNDLE = Path(sys.executable).with_name("djbundle")


def main() -> int:
    options = parse()
    if not options.no_run:
        with tempfile.TemporaryDirectory(prefix="language-") as temporary:
            folder = options.folder or Path(temporary)
            modules = run(folder, options.only or selected(), options.compile, options.jobs)
        if options.write:
            record.save(record.load().modules | modules if options.only else modules)
    else:
        modules = record.load().modules
    if options.write:
        tables.write(record.load())
        print(f"{tables.DOCUMENT} is written")
    surprises = unexplained(modules)
    for name, (python, bundle) in surprises.items():
        print(f"{name}: {python} in Python, {bundle} in the bundle")
    print(tables.summary(modules))
    return int(bool(surprises))


def run(folder: Path, names: Iterable[str], compiled: Iterable[str], jobs: int) -> dict[str, Module]:
    """Build the bundle, unless it is in the folder already, and run the modules. Print a line for each."""
    names = [*names]
    project, bundle = folder / "project", folder / "language"
    if not bundle.exists():
        make_project(project, names, compiled)
        subprocess.run([DJBUNDLE, "build", project, "-o", bundle, "--no-verify"], check=True)
    sides = Sides(bundle, project, INSIDE / "module.py", folder / "details")
    modules = {}
    for name, found in sides.run(modules_of(project, names), jobs):
        modules[record.shown(name)] = found
        kind = "compiled" if found.is_compiled else "bytecode"
        print(f"{record.shown(name)}: {found.tests} tests, {kind}, {len(found.different)} differ", flush=True)
    return modules


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ci.language", description=__doc__)
    add = parser.add_argument
    add("--only", nargs="+", metavar="TEST", help="tests to run, such as test_scope [all]")
    add("--compile", nargs="+", metavar="TEST", default=[], help="tests to compile although a rule is against it")
    add("--folder", type=Path, help="a folder that keeps project, bundle and details; a bundle in it is used again")
    add("--jobs", type=int, default=2, help="modules that run at a time [2]")
    add("--write", action="store_true", help="record the run, and write docs/python-tests.md")
    add("--no-run", action="store_true", help="run nothing, and use what is recorded")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
