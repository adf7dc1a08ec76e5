"""Fills docs/capacity.md between its markers: <!-- model: NAME --> ... <!-- end -->."""

import re
from pathlib import Path

from ci.model import tables
from ci.model.costs import Measured

DOCUMENT = Path(__file__).parents[2] / "docs" / "capacity.md"
BLOCK = re.compile(r"(<!-- model: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, blocks: dict[str, str]) -> str:
    """Return the text with the blocks between its markers. Raise KeyError for a marker that none has."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match['name']]}\n\n{match[3]}", text)


def make_blocks(measured: Measured) -> dict[str, str]:
    """Return all blocks of the document. This simulates each plan, and takes some seconds."""
    facts = " · ".join(f"{name} {value}" for name, value in measured.facts.items() if name != "unit")
    return {
        "plans": tables.plans(tables.make_plans(measured.costs)),
        "parts": tables.parts(measured.costs),
        "prices": tables.prices(measured.costs),
        "check": tables.check(measured),
        "facts": f"Measured: {facts}.",
    }
