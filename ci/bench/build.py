"""A cold and a warm build of the sample shop, or of another project, and the size of the bundle."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.wheel import make_environment, run

PROJECT = Path(__file__).parents[2] / "sample_shop"
MEGABYTE = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run build", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of a cold and a warm build [3]")
    parser.add_argument("--wagtail", action="store_true", help="what `wagtail start` of the newest Wagtail writes")
    options = parser.parse_args()
    cold, warm = [], []
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder_name:
        project = start_wagtail(Path(folder_name)) if options.wagtail else [PROJECT]
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
                cold.append(build(Path(folder), project))
                warm.append(build(Path(folder), project))
    for name, reports in (("cold", cold), ("warm", warm)):
        times = [report["seconds"] for report in reports]
        print(f"{name}   median {statistics.median(times):5.1f} s   {min(times):.1f} to {max(times):.1f} s")
    for step in zip(*(report["steps"] for report in (cold[-1], warm[-1])), strict=True):
        print(f"  {step[0]['name']:42}{step[0]['seconds']:7.1f} s {step[1]['seconds']:7.1f} s")
    print(f"size   {cold[-1]['size'] / MEGABYTE:.1f} MB")


def start_wagtail(folder: Path) -> list[str | Path]:
    """Make a Wagtail project and its environment. Return them as arguments of a build."""
    programs = make_environment(folder / "environment", "3.13", "wagtail")
    project = folder / "mysite"
    project.mkdir()
    run(programs / "wagtail", "start", "mysite", project)
    run(programs / "python", "-m", "compileall", "-q", folder / "environment" / "lib")  # as after its first start
    return [project, "--python", programs / "python"]


def build(folder: Path, project: Sequence[str | Path]) -> dict[str, Any]:
    """Build with every cache, ccache's too, in `folder`, and return the report."""
    caches = {"DJBUNDLE_BUILD_CACHE": str(folder / "cache"), "XDG_CACHE_HOME": str(folder), "HOME": str(folder)}
    command = [Path(sys.executable).with_name("djbundle"), "build", *project, "-o", folder / "site", "--json"]
    result = subprocess.run(command, env=os.environ | caches, check=True, stdout=subprocess.PIPE)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


if __name__ == "__main__":
    main()
