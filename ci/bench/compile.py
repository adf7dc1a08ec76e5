"""Measures what compiling a package to C gains: the time of its work, the build, the size of the file."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.wheel import make_environment, run

DJBUNDLE = Path(sys.executable).with_name("djbundle")
MEGABYTE = 1_000_000
# CPU seconds of `work`, the best of several runs.
TIMED = """
import time
{prepare}
def work():
    {work}
work()
spans = []
for _ in range(15):
    begin = time.process_time()
    work()
    spans.append(time.process_time() - begin)
print(min(spans))
"""
TEXT = r"'# A title\n\nSome *words* and [a link](/there) and `code`.\n\n- one\n- two\n\n> said\n\n' * 30"
HTML = "'<div class=a><p>Some <b>words</b> and <a href=/there>a link</a><ul><li>one<li>two</ul></div>' * 50"
DJANGO = """
import django
from django.conf import settings
settings.configure(REST_FRAMEWORK={}, USE_TZ=True)
django.setup()
"""


@dataclass
class Case:
    """A package, and work that it does on many sites."""

    package: str
    does: str
    prepare: str
    work: str
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"bytecode": [], "compiled": []})
    report: dict[str, Any] = field(default_factory=dict)

    def median(self, side: str) -> float:
        return statistics.median(self.seconds[side])


CASES = [
    Case("markdown", "a long text to HTML", f"import markdown; text = {TEXT}", "markdown.markdown(text)"),
    Case("html5lib", "a page parsed", f"import html5lib; text = {HTML}", "html5lib.parse(text)"),
    Case(
        "jinja2",
        "a template of 300 rows compiled and rendered",
        "import jinja2; text = '{% for n in range(300) %}<li>{{ n }} {{ name|upper }}{% endfor %}'",
        "jinja2.Environment(autoescape=True).from_string(text).render(name='x')",
    ),
    Case(
        "openpyxl",
        "a sheet of 5,000 cells written",
        "import io, openpyxl",
        "book = openpyxl.Workbook(); [book.active.append([*range(10)]) for _ in range(500)]; book.save(io.BytesIO())",
    ),
    Case(
        "djangorestframework",
        "300 records with five fields serialized",
        DJANGO + "from rest_framework import serializers as s\n"
        "class Record(s.Serializer):\n"
        "    a, b, c = s.IntegerField(), s.CharField(), s.BooleanField()\n"
        "    d, e = s.FloatField(), s.DecimalField(9, 2)\n"
        "rows = [dict(a=1, b='two', c=True, d=4.5, e=5)] * 300",
        "Record(rows, many=True).data",
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run compile", description=__doc__)
    parser.add_argument("packages", nargs="*", help="of those in this file [all]")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed, in turn [5]")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.packages or case.package in options.packages]
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        measure(cases, options.rounds, Path(folder))
    print_table(cases)


def measure(cases: list[Case], rounds: int, folder: Path) -> None:
    programs = make_environment(folder / "environment", "3.13", "django", *(case.package for case in cases))
    project = folder / "project"
    project.mkdir()
    run(programs / "django-admin", "startproject", "site_of_bench", project)
    include = [word for case in cases for word in ("--include", case.package)]
    plain = build(folder, "bytecode", *include)
    for case in cases:
        case.report = build(folder, case.package, *include, "--compile", case.package)
        case.report["more seconds"] = case.report["seconds"] - plain["seconds"]
        case.report["more bytes"] = case.report["size"] - plain["size"]
    for number in range(rounds):
        for case in cases:
            sides = {"bytecode": folder / "bytecode", "compiled": folder / case.package}
            for side in sorted(sides, reverse=number % 2 == 1):
                code = TIMED.format(prepare=case.prepare, work=case.work)
                case.seconds[side].append(float(run(sides[side], "-c", code)))


def build(folder: Path, name: str, *words: str) -> dict[str, Any]:
    """Build with a cache that contains djbundle's own parts, but nothing of this project."""
    command: list[str | Path] = [DJBUNDLE, "build", folder / "project", "--python", folder / "environment"]
    command += ["-o", folder / name, "--json"]
    environment = os.environ | {"CCACHE_DISABLE": "1"}
    result = subprocess.run([*command, "--no-verify", *words], env=environment, check=True, stdout=subprocess.PIPE)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def print_table(cases: list[Case]) -> None:
    print(f"{'':22}{'bytecode':>12}{'compiled':>12}{'ratio':>8}{'build':>10}{'file':>11}")
    for case in cases:
        before, after = case.median("bytecode"), case.median("compiled")
        spans = f"{1000 * before:9.2f} ms{1000 * after:9.2f} ms{after / before:8.2f}"
        more = f"{case.report['more seconds']:+8.0f} s{case.report['more bytes'] / MEGABYTE:+8.1f} MB"
        print(f"{case.package:22}{spans}{more}   {case.does}")


if __name__ == "__main__":
    main()
