"""What a visited site has logged: lines of JSON, and between them what its processes print besides."""

import contextlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIED = re.compile(r"(\w+) ((?:was killed by|ended with code) .*?); it is started again", re.DOTALL)
SOON = 5.0  # seconds in which the supervisor has said of what a process died
SHOWN = 12  # lines


@dataclass(frozen=True, slots=True)
class Death:
    name: str  # of the process: "web"
    how: str  # "was killed by SIGSEGV: ... while answering GET /", as its supervisor says it
    words: str  # what was printed last before that, other than lines of the log


class SiteLog:
    def __init__(self, file: Path) -> None:
        self.file = file
        self._told = 0  # deaths that `next_deaths` has given

    def text(self) -> str:
        return self.file.read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        return [line for line in map(_parsed, self.text().splitlines()) if line]

    def next_deaths(self, patience: float = 0.0) -> list[Death]:
        """Those since the last call; waits so many seconds for the first of them."""
        end = time.monotonic() + patience
        while not (new := self._deaths()[self._told :]) and time.monotonic() < end:
            time.sleep(0.05)
        self._told += len(new)
        return new

    def _deaths(self) -> list[Death]:
        found, printed = [], list[str]()
        for text in self.text().splitlines():
            line = _parsed(text)
            if not line:
                printed.append(text)
            elif died := DIED.match(str(line.get("msg", ""))):
                found.append(Death(died[1], died[2], "\n".join(printed[-SHOWN:])))
                printed = []
        return found


def _parsed(text: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        line = json.loads(text)
        return line if isinstance(line, dict) else {}
    return {}
