"""How far the process that loads the site is, and what it waits for, as its supervisor is told through pipes.

The first process of a `serve` just tells that it serves. One that shall take over from another waits for a word before
it touches the database, and before it answers requests.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

from djbundle.errors import DjbundleError


@dataclass(frozen=True, slots=True)
class Progress:
    """`status` is written to; `go` is read from, and None where nobody is to be waited for.

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
        """The exit code says it to the supervisor; whoever has asked for a takeover wants to know more."""
        if self.takes_over:
            self.tell("failed", cause=error.cause, fix=error.fix, code=error.exit_code)

    def wait(self) -> bool:
        """For the word to go on; False when that will not come."""
        return self.go is None or os.read(self.go, 64) != b""
