"""Texts of the code as Markdown."""

import re
from collections.abc import Iterable, Iterator

COMMAND = re.compile(r"  ([^\s\[].*?)(?=  |$)")  # two spaces stand around a command in a text for a terminal
NAME = re.compile(r"(?<![\w`-])(?:--[a-z][\w-]*|\$[A-Z_]+|DJBUNDLE_[A-Z_]+)")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        cells = (cell.replace("|", r"\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
    yield ""


def code(text: str) -> str:
    return f"`{text}`"


def prose(text: str) -> str:
    """Return a help, a docstring or a comment, with its commands, options and variables as code."""
    text = COMMAND.sub(r" `\1`", text.replace("``", "`"))
    parts = " ".join(text.split()).split("`")
    return "`".join(part if at % 2 else _plain(part) for at, part in enumerate(parts))


def _plain(text: str) -> str:
    return NAME.sub(r"`\g<0>`", text.replace("*", r"\*"))
