"""Prints how promises ended: as a table for a terminal, as Markdown or as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from djbundle.tasks.conformance.promise import BROKEN, IN_PART, KEPT, REFUSED, Outcome

VERDICTS = (KEPT, IN_PART, REFUSED, BROKEN)


def as_text(outcomes: Sequence[Outcome]) -> str:
    """Return lines with a verdict, the sentence and the reason, under their subjects."""
    lines: list[str] = []
    subject = ""
    for each in outcomes:
        if each.subject != subject:
            subject = each.subject
            lines += ["", subject]
        lines.append(f"  {each.verdict:12}  {each.sentence}{f': {each.reason}' if each.reason else ''}")
    return "\n".join([*lines, "", summary(outcomes)])


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a table."""
    rows = [f"| {each.sentence} | {each.verdict} | {escaped(each.reason)} |" for each in outcomes]
    return "\n".join(["| promise | | reason |", "|---|---|---|", *rows, "", summary(outcomes)])


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Return a list of objects."""
    return json.dumps([asdict(each) for each in outcomes], indent=1)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return how many promises ended in each way."""
    verdicts = [each.verdict for each in outcomes]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS)


def escaped(text: str) -> str:
    """Return the text as a cell of a Markdown table shows it."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
