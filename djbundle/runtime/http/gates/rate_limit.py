"""``serve --rate-limit``: answers 429 to a client that asks for pages faster than a rule allows.

Files are not counted: they cost little, and one page has many.
"""

import math
from collections.abc import Callable, Sequence
from http import HTTPStatus

from djbundle.runtime.http.gates.gate import GateRequest
from djbundle.runtime.http.gates.rate_table import RateTable
from djbundle.runtime.http.limits.budget import client_key
from djbundle.runtime.http.protocol.own_response import OwnResponse
from djbundle.runtime.logs.lines import log
from djbundle.runtime.options.rate_limits import RateRule

BODY = b"Too many requests. Please try again later.\n"


class RateLimit:
    """The gate. `is_exempt` recognizes clients without a limit; proxies are among them: many clients come by each."""

    hides_authorization = False

    def __init__(self, rules: Sequence[RateRule], table: RateTable, is_exempt: Callable[[str], bool]) -> None:
        self._rules, self._table, self._is_exempt = rules, table, is_exempt

    def answer_at_once(self, request: GateRequest) -> tuple[bool, OwnResponse | None]:
        return True, self.answer(request)

    def answer(self, request: GateRequest) -> OwnResponse | None:
        rules = [each for each in self._rules if each.matches(request.path)]
        if not rules or self._is_exempt(request.client):
            return None
        for rule in rules:
            name = f"{rule.text} {client_key(request.client)}"
            if wait := self._table.take(name, rule.interval, rule.burst):
                self._report(rule)
                return too_many(wait)
        return None

    def _report(self, rule: RateRule) -> None:
        if count := self._table.count_refusal():
            more = f" ({count} requests since the last such line)" if count > 1 else ""
            log(f"clients are answered 429 by --rate-limit {rule.text}{more}", "warning")


def too_many(wait: float) -> OwnResponse:
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Retry-After", str(math.ceil(wait))),
    ]
    return OwnResponse(HTTPStatus.TOO_MANY_REQUESTS, headers, BODY)
