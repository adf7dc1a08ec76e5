"""The log of a crawled site: JSON lines, mixed with other output of its processes."""

import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djbundle.contract import request_names, verification

DEATH_LOG_TIMEOUT = 5.0  # seconds within which the supervisor has logged why a process died
SHOWN_LINES = 12  # lines of output before a death


@dataclass(frozen=True, slots=True)
class Death:
    name: str  # the process: "web"
    cause: str  # "was killed by SIGSEGV: ... while answering GET /"
    requests: frozenset[str]  # that the process was answering: "GET /"
    output: str  # the last output before the death, without log lines

    @classmethod
    def of(cls, line: dict[str, Any], printed: list[str]) -> "Death":
        """Return the death that this log line tells of. `printed` are the lines of output before it."""
        names = verification.DEAD_PROCESS, verification.DEATH_CAUSE, verification.DEATH_REQUESTS
        process, cause, requests = (str(line.get(name, "")) for name in names)
        return cls(
            process,
            cause,
            frozenset(filter(None, requests.split(request_names.SEPARATOR))),
            "\n".join(printed[-SHOWN_LINES:]),
        )


class SiteLog:
    def __init__(self, file: Path) -> None:
        self.file = file
        self._reported = 0  # number of deaths that `next_deaths` has returned

    def text(self) -> str:
        return self.file.read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        return [line for line in map(_parsed, self.text().splitlines()) if line]

    def next_deaths(self, timeout: float = 0.0) -> list[Death]:
        """Return the deaths since the last call; wait up to `timeout` seconds for the first one."""
        end = time.monotonic() + timeout
        while not (new := self._deaths()[self._reported :]) and time.monotonic() < end:
            time.sleep(0.05)
        self._reported += len(new)
        return new

    def _deaths(self) -> list[Death]:
        deaths, printed = [], list[str]()
        for text in self.text().splitlines():
            line = _parsed(text)
            if not line:
                printed.append(text)
            elif line.get("source") == "serve" and verification.DEAD_PROCESS in line:
                deaths.append(Death.of(line, printed))
                printed = []
        return deaths


def _parsed(text: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        line = json.loads(text)
        return line if isinstance(line, dict) else {}
    return {}
