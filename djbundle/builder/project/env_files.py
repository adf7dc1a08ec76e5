"""Read files with environment variables, such as ``.env``: the names they set, and the values."""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

ENV_FILE = re.compile(r"(^|/)(\.env[^/]*|[^/]*\.env|settings\.ini)$")
LINE = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
QUOTED = re.compile(r"""(["'])(.*?)\1(?:\s+#.*)?""")
COMMENT = re.compile(r"\s+#.*")


def values_in(file: str | Path) -> dict[str, str]:
    """Return the variables that a file sets; none if it cannot be read."""
    text = ""
    with contextlib.suppress(OSError):
        text = Path(file).read_text(errors="replace")
    return {name: _plain(value) for name, value in LINE.findall(text)}


def names_in(files: Iterable[str]) -> set[str]:
    """Return the variables that any of these files sets."""
    return {name for file in files for name in values_in(file)}


def _plain(value: str) -> str:
    """Return the value without its quotes, or without the comment behind it."""
    quoted = QUOTED.fullmatch(value)
    return quoted[2] if quoted else COMMENT.sub("", value)
