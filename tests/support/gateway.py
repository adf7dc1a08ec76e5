"""A payment gateway for demos and tests. It stands for an external one.

    python tests/support/gateway.py --port 0        prints its port when it is ready

    POST /tokens   {"card": "4242 4242 4242 4242"}                        201 {"token": ...}
    POST /charges  {"amount": "24.90", "currency": "EUR", "token": ...}   201 {"id", "status": "succeeded" | "declined"}
                   with the header Idempotency-Key: the same key always gets the same answer and moves money once
    GET  /charges                                                         every charge made
    POST /control  {"mode": "ok" | "decline" | "fail" | "busy" | "timeout" | "twice", "times": 1}

The mode applies to the next `times` charges. "decline" refuses them, "fail" answers 500, "busy" answers 429 (retry in
a second); none of these moves money. "timeout" takes the money and never answers; "twice" sends its answer two times.
The card 4000 0000 0000 0002 is always declined.
"""

import argparse
import contextlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DECLINED_CARD = "4000000000000002"
TIMEOUT_DELAY = 60.0  # seconds before a charge in mode "timeout" closes the connection


@dataclass
class Ledger:
    """The charges, and the mode of the next ones."""

    charges: dict[str, dict[str, Any]] = field(default_factory=dict)  # by idempotency key
    mode: str = "ok"
    times: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_mode(self) -> str:
        """Return the mode of the next charge, and count it."""
        if self.times == 0:
            return "ok"
        self.times -= 1
        return self.mode

    def charge(self, key: str, order: dict[str, Any], mode: str) -> dict[str, Any]:
        declined = mode == "decline" or order["token"].endswith(DECLINED_CARD)
        status = "declined" if declined else "succeeded"
        new = {"id": f"ch_{len(self.charges) + 1}", "status": status, "key": key, **order}
        return self.charges.setdefault(key, new)


class Gateway(BaseHTTPRequestHandler):
    ledger = Ledger()

    def do_GET(self) -> None:
        self.respond(200, list(self.ledger.charges.values()))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        {"/tokens": self.make_token, "/charges": self.make_charge, "/control": self.control}[self.path](body)

    def make_token(self, body: dict[str, Any]) -> None:
        digits = "".join(filter(str.isdigit, body["card"]))
        if not 12 <= len(digits) <= 19:
            self.respond(422, {"error": "not a card number"})
            return
        self.respond(201, {"token": f"tok_{digits}"})

    def make_charge(self, body: dict[str, Any]) -> None:
        with self.ledger.lock:
            mode = self.ledger.next_mode()
            if mode == "fail":
                self.respond(500, {"error": "out of order"})
                return
            if mode == "busy":
                self.respond(429, {"error": "too many at once"}, {"Retry-After": "1"})
                return
            charge = self.ledger.charge(self.headers["Idempotency-Key"], body, mode)
        if mode == "timeout":
            time.sleep(TIMEOUT_DELAY)
            return
        self.respond(201, charge)
        if mode == "twice":
            self.respond(201, charge)

    def control(self, body: dict[str, Any]) -> None:
        with self.ledger.lock:
            self.ledger.mode, self.ledger.times = body["mode"], body.get("times", 1)
        self.respond(200, body)

    def respond(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description="A payment gateway for demos and tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900)
    arguments = parser.parse_args()
    server = ThreadingHTTPServer((arguments.host, arguments.port), Gateway)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
