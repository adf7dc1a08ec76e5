"""The payment client against a gateway that misbehaves."""

import http.server
import json
import threading
from decimal import Decimal

from django.test import SimpleTestCase, override_settings

from orders import gateway


class Answering(http.server.BaseHTTPRequestHandler):
    answer = (201, b"{}")
    extra: dict[str, str] = {}
    seen: list[tuple[str, str | None]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((body.decode(), self.headers["Idempotency-Key"]))
        self.send_response(self.answer[0])
        for name, value in self.extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.answer[1])

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class GatewayTest(SimpleTestCase):
    def setUp(self) -> None:
        server = http.server.HTTPServer(("127.0.0.1", 0), Answering)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.enterContext(override_settings(PAYMENT_GATEWAY_URL=f"http://127.0.0.1:{server.server_port}"))
        Answering.seen.clear()

    def test_a_charge_carries_its_idempotency_key(self) -> None:
        Answering.answer = (201, b'{"id": "ch_1", "status": "succeeded"}')
        self.assertEqual(gateway.charge("order", Decimal("9.90"), "tok"), gateway.Charge("ch_1", succeeded=True))
        ((body, key),) = Answering.seen
        self.assertEqual(key, "order")
        self.assertEqual(json.loads(body), {"amount": "9.90", "currency": "EUR", "token": "tok"})

    def test_what_cannot_be_understood_may_be_asked_again(self) -> None:
        for answer in ((500, b"{}"), (200, b"<html>"), (200, b"")):
            Answering.answer = answer
            with self.subTest(answer), self.assertRaises(gateway.GatewayError):
                gateway.charge("order", Decimal(1), "tok")

    def test_a_busy_gateway_says_how_long(self) -> None:
        Answering.answer = (429, b"{}")
        Answering.extra = {"Retry-After": "17"}
        self.addCleanup(Answering.extra.clear)
        with self.assertRaises(gateway.GatewayBusyError) as caught:
            gateway.charge("order", Decimal(1), "tok")
        self.assertEqual(caught.exception.delay, 17)

    def test_a_gateway_that_is_not_there(self) -> None:
        with override_settings(PAYMENT_GATEWAY_URL="http://127.0.0.1:9"), self.assertRaises(gateway.GatewayError):
            gateway.make_token("4242")

    def test_a_rejected_card(self) -> None:
        Answering.answer = (422, b"{}")
        with self.assertRaises(gateway.CardRejectedError):
            gateway.make_token("1")
