"""Runs Django's own tests on SQLite in a bundle and in the virtual environment: ``python -m ci.djangos``.

The apps of the tests are those of a project, which is built as any other. The tests of each app run in a process of
their own on both sides. A test that ends differently without a reason in reasons.py is printed, and the exit code is
then 1.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from ci.djangos.project import download, labels_of, make_project
from ci.language.record import Module
from ci.language.run import INSIDE, Sides

DJBUNDLE = Path(sys.executable).with_name("djbundle")


def main() -> int:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="djangos-") as temporary:
        modules = run(options.folder or Path(temporary), options)
    print(sum(each.tests for each in modules.values()), sum(len(each.different) for each in modules.values()))
    return 0


def run(folder: Path, options: argparse.Namespace) -> dict[str, Module]:
    """Build the bundle, unless it is in the folder already, and run the apps' tests. Print a line for each app."""
    project, bundle = folder / "project", folder / "djangos"
    if not bundle.exists():
        make_project(project, download(folder), options.only or (), is_compiled=options.compile)
        subprocess.run([DJBUNDLE, "build", project, "-o", bundle, "--no-verify"], check=True)
    sides = Sides(bundle, project, INSIDE / "label.py", folder / "details")
    modules = {}
    for name, found in sides.run(options.only or labels_of(project), options.jobs):
        modules[name] = found
        print(f"{name}: {found.tests} tests, {found.failing} fail, {len(found.different)} differ", flush=True)
    return modules


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ci.djangos", description=__doc__)
    add = parser.add_argument
    add("--only", nargs="+", metavar="APP", help="apps to build and to test, such as queries [all]")
    add("--folder", type=Path, help="a folder that keeps project, bundle and details; a bundle in it is used again")
    add("--compile", action="store_true", help="compile the apps to C, which takes many minutes")
    add("--jobs", type=int, default=2, help="apps that run at a time [2]")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
