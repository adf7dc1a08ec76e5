"""Measures each stage of a start: of the bundle, and of a virtual environment beside it."""

import argparse
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ci.bench.peer import Peer
from ci.bench.start import build_shop
from tests.support.site import bare_environment

STAGES = {  # a stage, and the code that runs in it
    "kernel, launcher, loader, interpreter": "",
    "import Django's commands": "import django.core.management",
    "import the settings": "from django.conf import settings; settings.INSTALLED_APPS",
    "django.setup(): apps and models": "import django; django.setup()",
    "check: URLs, views, admin": "django.core.management.call_command('check')",
}
SCRIPT = "import time; times = []\n" + "".join(f"{code}\ntimes.append(time.monotonic())\n" for code in STAGES.values())
SCRIPT += "print(times)"
END = "end of the process"


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run profile", description=__doc__)
    parser.add_argument("--rounds", type=int, default=21, help="runs of each side [21]")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        work = Path(folder)
        variables = {"DJANGO_SETTINGS_MODULE": "shop.settings"}
        bundle = build_shop(work)
        peer = Peer(work)
        sides: dict[str, tuple[list[str | Path], Path, dict[str, str]]] = {
            "bundle": ([bundle, "-c", SCRIPT], work, bare_environment(HOME=folder, **variables)),
            "venv": ([peer.python, "-c", SCRIPT], peer.project, peer.environment | variables),
        }
        timings: dict[str, list[list[float]]] = {name: [] for name in sides}
        for number in range(rounds + 1):
            for name, side in sides.items() if number % 2 else reversed(sides.items()):
                times = run(*side)
                if number:  # the first round warms up
                    timings[name].append(times)
    print(f"{'milliseconds, medians':42}" + "".join(f"{name:>9}" for name in timings))
    medians = ([statistics.median(each) for each in zip(*runs, strict=True)] for runs in timings.values())
    for stage, *columns in zip([*STAGES, END], *medians, strict=True):
        print(f"{stage:42}" + "".join(f"{1000 * value:>9.1f}" for value in columns))


def run(command: list[str | Path], cwd: Path, environment: Mapping[str, str]) -> list[float]:
    """Return how long each stage took, in seconds."""
    begin = time.monotonic()
    output = subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True, text=True).stdout
    moments = [begin, *map(float, output.splitlines()[-1].strip("[]").split(",")), time.monotonic()]
    return [later - earlier for earlier, later in itertools.pairwise(moments)]


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
