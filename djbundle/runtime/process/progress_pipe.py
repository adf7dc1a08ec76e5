"""Two pipes to the supervisor: the app process reports its progress, and waits for orders.

The first app process of a `serve` only reports that it serves. A candidate for a takeover waits for an order before it
changes the database, and before it answers requests.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

from djbundle.errors import DjbundleError


@dataclass(frozen=True, slots=True)
class Progress:
    """The pipe `status` is for reports, the pipe `go` for orders; `go` is None if there are none to wait for.

    `is_beside`: another instance, in another container, writes to the same databases.
    """

    status: int
    go: int | None = None
    is_beside: bool = False

    @property
    def takes_over(self) -> bool:
        return self.go is not None

    def tell(self, state: str, **facts: Any) -> None:
        os.write(self.status, json.dumps({"state": state, **facts}).encode() + b"\n")

    def fail(self, error: DjbundleError) -> None:
        """Report an error to the command that asked for a takeover. The supervisor itself needs only the exit code."""
        if self.takes_over:
            self.tell("failed", cause=error.cause, fix=error.fix, code=error.exit_code)

    def wait(self) -> bool:
        """Wait for the order to go on; return False if it will not come."""
        return self.go is None or os.read(self.go, 64) != b""
