"""Measures builds of the sample shop, or of another project: cold, warm, after a change of one view; and their size.

Each build has its seconds, and the seconds of CPU of all its processes: these hardly depend on what else the machine
does. With --djbundle, another version of djbundle takes turns.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci.bench.large_project import write_project
from tests.support.wheel import make_environment, run

SHOP = Path(__file__).parents[2] / "sample_shop"
MEGABYTE = 1_000_000
CHANGE = "\n\ndef bench_view{number}(request):\n    return request.GET.get('page', {number})\n"


@dataclass
class Candidate:
    """A project to build: its folder, a source of views in it, and further arguments of the build."""

    folder: Path
    views: str
    arguments: Sequence[str | Path] = ()

    def change(self, number: int) -> None:
        """Add a view."""
        with (self.folder / self.views).open("a") as file:
            file.write(CHANGE.format(number=number))


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run build", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of a cold build and two warm ones [3]")
    parser.add_argument("--wagtail", action="store_true", help="what `wagtail start` of the newest Wagtail writes")
    parser.add_argument("--modules", type=int, help="a project of so many modules, instead of the shop")
    parser.add_argument("--packages", help="that its modules import, with --python: numpy,pandas")
    parser.add_argument("--python", type=Path, help="the environment of these packages")
    parser.add_argument("--djbundle", type=Path, help="the program of another djbundle, which is the last side")
    options = parser.parse_args()
    own = Path(sys.executable).with_name("djbundle")
    sides = [own, options.djbundle] if options.djbundle else [own]
    builds: dict[tuple[str, int], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as name:
        folder = Path(name)
        candidate = make_candidate(options, folder)
        for number in range(options.rounds):
            for side, program in enumerate(sides):
                caches = folder / f"caches-{side}"
                for kind in ("cold", "warm", "view"):
                    if kind == "view":
                        candidate.change(2 * number + side)
                    builds.setdefault((kind, side), []).append(build(program, caches, candidate))
                shutil.rmtree(caches)
    for kind in ("cold", "warm", "view"):
        print_kind(kind, [builds[kind, side] for side in range(len(sides))])


def print_kind(kind: str, sides: list[list[dict[str, Any]]]) -> None:
    """Print the medians of one kind of build, and the ratio of the other djbundle to ours."""
    for side, reports in enumerate(sides):
        seconds, cpu = ([report[key] for report in reports] for key in ("seconds", "cpu"))
        name = f"{kind}, the other" if side else kind
        size = f"{reports[-1]['size'] / MEGABYTE:.1f} MB"
        print(
            f"{name:20} median {statistics.median(seconds):6.1f} s   {min(seconds):.1f} to {max(seconds):.1f} s"
            f"   CPU {statistics.median(cpu):6.1f} s   {size}"
        )
        for step in reports[-1]["steps"]:
            print(f"  {step['name']:42}{step['seconds']:7.1f} s")
    if len(sides) > 1:
        ratios = [
            statistics.median(report[key] for report in sides[1])
            / statistics.median(report[key] for report in sides[0])
            for key in ("seconds", "cpu")
        ]
        print(f"  the other takes {ratios[0]:.2f} times as long, and {ratios[1]:.2f} times as much of CPU")


def make_candidate(options: argparse.Namespace, folder: Path) -> Candidate:
    """Return a copy of the project that the options choose."""
    python: list[str | Path] = ["--python", options.python] if options.python else []
    if options.wagtail:
        return start_wagtail(folder)
    project = folder / "project"
    if options.modules:
        write_project(project, options.modules, [*filter(None, (options.packages or "").split(","))])
        interpreter = options.python or Path(sys.executable)
        run(interpreter, project / "manage.py", "makemigrations")
        return Candidate(project, "app0/views.py", python)
    shutil.copytree(SHOP, project)
    return Candidate(project, "catalogue/views.py", python)


def start_wagtail(folder: Path) -> Candidate:
    """Make a Wagtail project and its environment."""
    programs = make_environment(folder / "environment", "3.13", "wagtail")
    project = folder / "mysite"
    project.mkdir()
    run(programs / "wagtail", "start", "mysite", project)
    run(programs / "python", "-m", "compileall", "-q", folder / "environment" / "lib")  # as after its first start
    return Candidate(project, "search/views.py", ["--python", programs / "python"])


def build(program: Path, caches: Path, candidate: Candidate) -> dict[str, Any]:
    """Build with every cache, ccache's too, in the folder `caches`, and return the report with its CPU seconds."""
    caches.mkdir(exist_ok=True)
    variables = {"DJBUNDLE_BUILD_CACHE": str(caches / "own"), "XDG_CACHE_HOME": str(caches), "HOME": str(caches)}
    command = [program, "build", candidate.folder, *candidate.arguments, "-o", caches / "site", "--json"]
    process = subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the build failed: {os.waitstatus_to_exitcode(status)}")
    report: dict[str, Any] = json.loads(output)
    return report | {"cpu": used.ru_utime + used.ru_stime}


if __name__ == "__main__":
    main()
