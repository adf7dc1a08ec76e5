"""Fills docs/conformance.md between its markers: <!-- promises: NAME --> ... <!-- end -->."""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from ci.conformance.recorded import Runs
from djbundle.tasks.conformance.promise import BROKEN, IN_PART, KEPT, REFUSED, Outcome
from djbundle.tasks.conformance.report import escaped
from tests.support.engines import ENGINES, Engine

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"
BLOCK = re.compile(r"(<!-- promises: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SIGNS = {KEPT: "✓", IN_PART: "in part", REFUSED: "no", BROKEN: "**✗**"}


def filled(text: str, runs: Runs) -> str:
    """Return the text of the document with the blocks between its markers."""
    ours = [engine for engine in ENGINES if engine.is_ours and engine.name in runs]
    others = [engine for engine in ENGINES if not engine.is_ours and engine.name in runs]
    blocks = {
        "ours": table(ours, runs),
        "reasons": reasons(ours, runs, (IN_PART, REFUSED, BROKEN)),
        "others": table(others, runs),
        "faults": reasons(others, runs, (IN_PART, BROKEN)),
    }
    return BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match['name']]}\n\n{match[3]}", text)


def write(runs: Runs) -> None:
    """Write the blocks into the document."""
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), runs))


def table(engines: Sequence[Engine], runs: Runs) -> str:
    """Return a table with a row for each promise and a column for each engine."""
    if not engines:
        return ""
    lines = [f"| | {' | '.join(engine.title for engine in engines)} |", f"|---|{':-:|' * len(engines)}"]
    for subject, outcomes in groupby(runs[engines[0].name], key=lambda each: each.subject):
        lines.append(f"| **{subject}** |{' |' * len(engines)}")
        for outcome in outcomes:
            signs = [SIGNS[verdict_of(outcome.name, runs[engine.name])] for engine in engines]
            lines.append(f"| {outcome.sentence} | {' | '.join(signs)} |")
    return "\n".join(lines)


def verdict_of(name: str, outcomes: Sequence[Outcome]) -> str:
    """Return the verdict of the promise with this name."""
    return next(each.verdict for each in outcomes if each.name == name)


def reasons(engines: Sequence[Engine], runs: Runs, verdicts: Sequence[str]) -> str:
    """Return a table with the reasons for these verdicts. Engines with the same reason share a row."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for engine in engines:
        for each in runs[engine.name]:
            if each.verdict in verdicts:
                rows.setdefault((each.sentence, each.verdict, each.reason), []).append(engine.title)
    lines = ["| promise | engines | | why |", "|---|---|---|---|"]
    for (sentence, verdict, reason), titles in sorted(rows.items()):
        lines.append(f"| {sentence} | {', '.join(titles)} | {verdict} | {escaped(reason)} |")
    return "\n".join(lines)
