"""The rules of ``serve --rate-limit``, as nginx writes rates: ``10r/s``, ``/login=5/m``, ``/api=2/s,burst=20``."""

import re
from argparse import ArgumentTypeError
from dataclasses import dataclass

RULE = re.compile(r"(?:(?P<path>/[^=,\s]*)=)?(?P<count>\d{1,6})r?/(?P<unit>[smhd])(?:,burst=(?P<burst>\d{1,6}))?")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class RateRule:
    """A rate of requests for one client. Without a path it is for all pages."""

    text: str
    path: str  # without a slash at its end; "" for all
    interval: float  # seconds between requests, on average
    burst: int  # requests that may come at once

    def matches(self, path: str) -> bool:
        return path.startswith(self.path) and path[len(self.path) : len(self.path) + 1] in ("", "/")


def parse_rate(text: str) -> RateRule:
    match = RULE.fullmatch(text)
    if not match or not (count := int(match["count"])) or match["burst"] == "0":
        raise ArgumentTypeError(f'"{text}" is no rate; write it as in 10r/s, /login=5/m or /api=2/s,burst=20')
    burst = int(match["burst"] or count)
    return RateRule(text, (match["path"] or "").rstrip("/"), SECONDS[match["unit"]] / count, burst)
