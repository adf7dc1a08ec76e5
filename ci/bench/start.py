"""A whole `check` of the sample shop: the bundle beside the same project in a virtual environment."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ci.bench.measure import Side, print_table, take_turns
from ci.site import bare_environment

REPOSITORY = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=31, help="runs of each side [31]")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        work = Path(folder)
        # Both sides: no environment but the PATH, one database that does not exist, one copy of the sources.
        project = shutil.copytree(REPOSITORY / "sample_shop", work / "sample_shop", ignore=ignored)
        subprocess.run(
            [Path(sys.executable).with_name("djbundle"), "build", project, "-o", work / "shop"], check=True, cwd=work
        )
        command = [sys.executable, "manage.py", "check"]
        bundle = Side("bundle", [work / "shop", "check"], work, bare_environment(HOME=folder))
        peer = Side("virtual environment", command, project, {"PATH": os.defpath, "HOME": folder})
        take_turns([bundle, peer], rounds)
    print_table([bundle, peer])


def ignored(folder: str, names: list[str]) -> set[str]:  # noqa: ARG001 - the signature of shutil.copytree
    return {name for name in names if name == "__pycache__" or name.endswith(".sqlite3")}


if __name__ == "__main__":
    main()
