"""Fills docs/python-tests.md between its markers: <!-- tests: NAME --> ... <!-- end -->."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ci.language.reasons import reason_of
from ci.language.record import Module, Record
from ci.language.selection import OBJECTS, RUNNING_CODE, SYNTAX

DOCUMENT = Path(__file__).parents[2] / "docs" / "python-tests.md"
BLOCK = re.compile(r"(<!-- tests: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
GROUPS = {"syntax and statements": SYNTAX, "objects and built-in modules": OBJECTS, "code about code": RUNNING_CODE}


def filled(text: str, record: Record) -> str:
    """Return the text of the document with the blocks between its markers."""
    blocks = {
        "summary": f"Python {record.python}: {summary(record.modules)}.",
        "groups": groups(record.modules),
        "reasons": reasons(record.modules),
    }
    return BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match['name']]}\n\n{match[3]}", text)


def write(record: Record) -> None:
    """Write the blocks into the document."""
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), record))


def summary(modules: Mapping[str, Module]) -> str:
    """Return how many tests there are, and how many of them end differently."""
    different, tests = count_different(modules.values()), sum(module.tests for module in modules.values())
    share = 100 * different / tests if tests else 0
    return f"{tests:,} tests in {len(modules)} modules, {different} ({share:.2f} %) end differently in a bundle"


def count_different(modules: Iterable[Module]) -> int:
    return sum(len(module.different) for module in modules)


def groups(modules: Mapping[str, Module]) -> str:
    """Return a table of the groups of tests."""
    lines = ["| tests of | modules | compiled to C | tests | differ |", "|---|--:|--:|--:|--:|"]
    for title, names in GROUPS.items():
        chosen = [each for name, each in modules.items() if name.split(".")[0].removeprefix("test_") in names.split()]
        compiled, tests = sum(each.is_compiled for each in chosen), sum(each.tests for each in chosen)
        lines.append(f"| {title} | {len(chosen)} | {compiled} | {tests:,} | {count_different(chosen)} |")
    return "\n".join(lines)


def reasons(modules: Mapping[str, Module]) -> str:
    """Return a table of the reasons, the most frequent first, with the tests."""
    rows: dict[str, list[str]] = {}
    for name in (name for module in modules.values() for name in module.different):
        reason = reason_of(name)
        rows.setdefault(reason.text if reason else "not known yet", []).append(name)
    lines = ["| reason | tests | |", "|---|--:|---|"]
    for text, tests in sorted(rows.items(), key=lambda row: -len(row[1])):
        shown = ", ".join(f"`{name}`" for name in sorted({short(name) for name in tests}))
        lines.append(f"| {text} | {len(tests)} | {shown} |")
    return "\n".join(lines)


def short(name: str) -> str:
    """Return the module of a test and the test, without its class."""
    parts = name.replace(")", "").split(".")
    return f"{parts[0]}.{parts[-1]}" if len(parts) > 2 else name
