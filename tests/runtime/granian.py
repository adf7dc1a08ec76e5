"""Granian's ASGI protocol as our gateways use it: stores what is sent, and delivers a body when a test says so."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from djbundle.runtime.http.protocol.transport import Request, Transport

CONNECTION = ("127.0.0.1", 40000)


class Future:
    """What Granian's `send` and `receive` return. Calls back in the thread that completes it."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Any], object]] = []
        self.is_done = self.is_cancelled = False
        self.value: Any = None

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        if self.is_done:
            callback(self)
        else:
            self.callbacks.append(callback)

    def complete(self, value: Any = None) -> None:
        self.is_done, self.value = True, value
        for callback in self.callbacks:
            callback(self)

    def cancel(self) -> bool:
        if self.is_done:
            return False
        self.is_cancelled = True
        self.complete()
        return True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def result(self) -> Any:
        return self.value


class Protocol:
    """`room` is how many parts of a response the client accepts before it stops reading."""

    def __init__(self, room: float = float("inf")) -> None:
        self.room = room
        self.status, self.headers = 0, list[tuple[str, str]]()
        self.parts: list[bytes] = []
        self.send_futures: list[Future] = []  # for parts that the client has not accepted
        self.receive_futures: list[Future] = []  # for parts of the request's body
        self.over = threading.Event()
        self.given_up = threading.Event()

    def send(self, message: dict[str, Any]) -> Any:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
            return SimpleNamespace()
        if message["body"] or message.get("more_body"):
            self.parts.append(message["body"])
        if not message.get("more_body"):
            self.over.set()
        elif len(self.parts) > self.room:
            self.send_futures.append(Future())
            return self.send_futures[-1]
        return SimpleNamespace()

    def accept_parts(self) -> None:
        """Let the client accept all waiting parts."""
        send_futures, self.send_futures = self.send_futures, []
        self.room += len(send_futures)
        for future in send_futures:
            future.complete()

    def receive(self) -> Future:
        self.receive_futures.append(Future())
        return self.receive_futures[-1]

    def deliver(self, body: bytes, *, more: bool) -> None:
        """Deliver a part of the body to the last `receive`."""
        self.receive_futures[-1].complete({"type": "http.request", "body": body, "more_body": more})

    def disconnect(self) -> None:
        """Let the client disconnect."""
        self.receive_futures[-1].complete({"type": "http.disconnect"})

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)


class FreeTurn:
    """The turn of a request that never waits for others."""

    def end_new(self) -> None: ...

    def note_page(self, size: int) -> None: ...

    async def wait_for_next_turn(self) -> bool:
        return True


def make_scope(method: str = "GET", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """Return the scope of a request of a client, as AsgiGateway prepares it."""
    return {
        "type": "http",
        "method": method,
        "path": "/",
        "scheme": "http",
        "http_version": "1.1",
        "client": ("192.0.2.1", 40000),
        "djbundle.peer": ("192.0.2.1", 40000),
        "djbundle.is_draining": False,
        "djbundle.turn": FreeTurn(),
        "headers": [(b"host", b"localhost"), *headers],
    }


def make_request(protocol: Any = None, **environ: Any) -> Request:
    """Return a request of a client, with all required keys of the environ."""
    known = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": CONNECTION[0],
        "HTTP_HOST": "localhost",
        "HTTP_X_REQUEST_ID": "a",
        "wsgi.url_scheme": "http",
    }
    whole = {**known, **environ}
    return Request(Transport(protocol or Protocol(), CONNECTION, whole["REQUEST_METHOD"], None), whole)
