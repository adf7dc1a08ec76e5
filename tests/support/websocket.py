"""A WebSocket client."""

import base64
import os
import socket
from typing import Protocol, Self
from urllib.parse import urlsplit

TEXT, CLOSE = 0x81, 0x88  # the first bytes of frames (RFC 6455, 5.2)
GOING_AWAY = (1001).to_bytes(2)  # the status code in a close frame (RFC 6455, 7.4.1)


class Reachable(Protocol):
    @property
    def url(self) -> str: ...


class WebSocket:
    """A client, for short texts only."""

    def __init__(self, site: Reachable, path: str = "/echo/") -> None:
        address = urlsplit(site.url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            *(f"GET {path} HTTP/1.1", f"Host: {address.netloc}", f"Origin: {site.url}"),
            *("Upgrade: websocket", "Connection: Upgrade"),
            *(f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""),
        )
        self.socket.sendall("\r\n".join(lines).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert head.startswith(b"HTTP/1.1 101"), head

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, text: str) -> None:
        self._write(TEXT, text.encode())

    def close(self, code: int) -> None:
        """Send a close frame with this status code."""
        self._write(CLOSE, code.to_bytes(2))

    def _write(self, kind: int, content: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))
        self.socket.sendall(bytes((kind, 0x80 | len(content))) + mask + masked)

    def receive(self) -> tuple[int, bytes]:
        """Return kind and content of the next frame."""
        kind, size = self._read(2)
        return kind, self._read(size)

    def _read(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            part = self.socket.recv(size - len(content))
            assert part, "the connection is cut off"
            content += part
        return content
