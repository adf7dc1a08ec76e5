"""Counts each response when its head is made, and writes the access log."""

from dataclasses import dataclass, field

from djbundle.runtime.logs import lines
from djbundle.runtime.logs.formats import Value
from djbundle.runtime.process.counters import Slot
from djbundle.runtime.process.in_flight import InFlight


@dataclass(frozen=True, slots=True)
class Observer:
    slot: Slot
    access_log: bool
    in_flight: InFlight = field(default_factory=InFlight)

    def record_response(
        self, method: str, path: str, status: int, seconds: float, client: str, request_id: str
    ) -> None:
        """Count and log a response.

        `seconds` are from the complete request to the head of its response. The query is not logged: it may hold
        secrets.
        """
        self.slot.count_response(status, seconds)
        if self.access_log:
            self.log_response(method, path, status, seconds, client, request_id)

    @staticmethod
    def log_response(method: str, path: str, status: int, seconds: float, client: str, request_id: str) -> None:
        """Write a response to the access log, see record_response()."""
        fields: dict[str, Value] = {
            "status": status,
            "ms": round(seconds * 1000, 1),
            "client": client,
            "id": request_id,
        }
        lines.write("info", "access", f"{method} {path}", fields)
