"""Measures the cost of the recursion check in compiled code that calls much: with it, without it, and as bytecode."""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from tests.support.wheel import run

PROJECT = Path(__file__).with_name("recursion_project")
WORK = "import json; from app.heavy import seconds; print(json.dumps(seconds()))"
# A build whose plugin does not change the code that Nuitka generates.
UNCHECKED = """
import sys
from djbundle import cli
from djbundle.builder.native import nuitka
nuitka.PLUGIN = nuitka.Path(sys.argv.pop(1))
sys.exit(cli.main())
"""
PLUGIN = """
from nuitka.plugins.PluginBase import NuitkaPluginBase
class Nothing(NuitkaPluginBase):
    plugin_name = __file__
"""

Seconds = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run recursion", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each side runs, in turn [7]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        sides = build(Path(folder))
        seconds: dict[str, Seconds] = {side: {} for side in sides}
        for number in range(options.rounds):
            for side in sorted(sides, reverse=number % 2 == 1):
                for case, value in json.loads(run(*sides[side])).items():
                    seconds[side].setdefault(case, []).append(value)
    print_table(seconds)


def build(folder: Path) -> dict[str, list[str | Path]]:
    """Build both bundles, and return the command of each side."""
    plugin = folder / "plugin.py"
    plugin.write_text(PLUGIN)
    words = ("build", PROJECT, "--no-verify", "-o")
    run(Path(sys.executable).with_name("djbundle"), *words, folder / "checked")
    run(sys.executable, "-c", UNCHECKED, plugin, *words, folder / "unchecked")
    bytecode = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); {WORK}"
    return {
        "checked": [folder / "checked", "-c", WORK],
        "unchecked": [folder / "unchecked", "-c", WORK],
        "bytecode": [sys.executable, "-c", bytecode],
    }


def print_table(seconds: dict[str, Seconds]) -> None:
    print(f"{'':36}{'checked':>12}{'unchecked':>12}{'ratio':>8}{'CPython':>12}{'ratio':>8}")
    for case in seconds["checked"]:
        checked, unchecked, bytecode = (statistics.median(each[case]) for each in seconds.values())
        spans = f"{1000 * checked:9.2f} ms{1000 * unchecked:9.2f} ms{checked / unchecked:8.2f}"
        print(f"{case:36}{spans}{1000 * bytecode:9.2f} ms{checked / bytecode:8.2f}")


if __name__ == "__main__":
    main()
