"""The log of a crawled site: JSON lines, mixed with other output of its processes."""

import contextlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIED = re.compile(r"(\w+) ((?:was killed by|ended with code) .*?); it is started again", re.DOTALL)
SOON = 5.0  # seconds within which the supervisor has logged why a process died
SHOWN = 12  # lines of output before a death


@dataclass(frozen=True, slots=True)
class Death:
    name: str  # the process: "web"
    how: str  # "was killed by SIGSEGV: ... while answering GET /", as the supervisor logs it
    words: str  # the last output before the death, without log lines


class SiteLog:
    def __init__(self, file: Path) -> None:
        self.file = file
        self._told = 0  # number of deaths that `next_deaths` has returned

    def text(self) -> str:
        return self.file.read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        return [line for line in map(_parsed, self.text().splitlines()) if line]

    def next_deaths(self, patience: float = 0.0) -> list[Death]:
        """Return the deaths since the last call; wait up to `patience` seconds for the first one."""
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
