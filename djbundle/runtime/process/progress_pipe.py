"""Two pipes to the supervisor: the app process reports its progress, and waits for orders.

The first app process of a `serve` only reports that it serves. A candidate for a takeover waits for an order before it
changes the database, and before it answers requests.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

from djbundle.contract.handover import HandoverState
from djbundle.errors import DjbundleError


@dataclass(frozen=True, slots=True)
class ProgressPipe:
    """The pipes for `reports` and `orders`; `orders` is None if there are none to wait for.

    `is_beside`: another instance, in another container, writes to the same databases.
    """

    reports: int
    orders: int | None = None
    is_beside: bool = False

    @property
    def is_takeover(self) -> bool:
        return self.orders is not None

    def report(self, state: HandoverState, **fields: Any) -> None:
        os.write(self.reports, json.dumps({"state": state, **fields}).encode() + b"\n")

    def report_failure(self, error: DjbundleError) -> None:
        """Report an error to the command that asked for a takeover. The supervisor itself needs only the exit code."""
        if self.is_takeover:
            self.report(HandoverState.FAILED, cause=error.cause, fix=error.fix, code=error.exit_code)

    def wait_for_order(self) -> bool:
        """Wait for the order to go on; return False if it will not come."""
        return self.orders is None or os.read(self.orders, 64) != b""
