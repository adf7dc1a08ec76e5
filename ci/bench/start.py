"""Starts: `check` of the sample shop, and the first line of Python; the bundle beside a virtual environment."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ci.bench.measure import Side, print_table, take_turns
from ci.bench.peer import REPOSITORY, Peer
from tests.support.site import bare_environment

FIRST_LINE = "import time; print(time.monotonic())"


class FirstLineSide(Side):
    """Measures from the start of the process to its first line of Python, by the clock that all processes share."""

    def run(self) -> float:
        begin = time.monotonic()
        result = subprocess.run(self.command, cwd=self.cwd, env=self.environment, check=True, capture_output=True)
        return float(result.stdout) - begin


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=31, help="runs of each side [31]")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        work = Path(folder)
        bundle = build_shop(work)
        peer = Peer(work)
        environment = bare_environment(HOME=folder)
        checks = [
            Side("bundle, check", [bundle, "check"], work, environment),
            Side("venv, check", [peer.python, "manage.py", "check"], peer.project, peer.environment),
        ]
        lines = [
            FirstLineSide("bundle, first line", [bundle, "-c", FIRST_LINE], work, environment),
            FirstLineSide("venv, first line", [peer.python, "-c", FIRST_LINE], peer.project, peer.environment),
        ]
        for sides in (checks, lines):
            take_turns(sides, rounds)
            print_table(sides)


def build_shop(work: Path) -> Path:
    """Build the sample shop as a bundle in `work`."""
    djbundle = Path(sys.executable).with_name("djbundle")
    subprocess.run([djbundle, "build", REPOSITORY / "sample_shop", "-o", work / "shop"], check=True, cwd=work)
    return work / "shop"


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
