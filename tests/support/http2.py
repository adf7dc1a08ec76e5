"""An HTTP/2 client that may break the rules: no bodies, no window, odd headers. h2 implements the protocol."""

import contextlib
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from tests.support.http1 import HERE, TIMEOUT, connect, connect_tls
from tests.support.websocket import Reachable

Header = tuple[bytes, bytes]


@dataclass
class Http2Response:
    """What has been received on one stream."""

    status: int = 0
    headers: list[Header] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False
    reset: int | None = None  # the error code of the stream or of its connection

    @property
    def is_over(self) -> bool:
        return self.is_complete or self.reset is not None

    def header(self, name: bytes) -> bytes:
        return next((value for key, value in self.headers if key == name), b"")


class Http2:
    """One connection, over TLS if the site's URL is https. It sends no WINDOW_UPDATE unless it `reads`."""

    def __init__(self, site: Reachable, *, source: str = HERE, window: int | None = None, reads: bool = True) -> None:
        """Connect. `window`: bytes that the server may send on each stream before a WINDOW_UPDATE."""
        self.reads = reads
        self.is_open = True
        self.responses: dict[int, Http2Response] = {}
        is_secure = site.url.startswith("https:")
        self.socket: socket.socket = connect_tls(site, source, "h2") if is_secure else connect(site, source)
        self.scheme = b"https" if is_secure else b"http"
        configuration = H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.protocol = H2Connection(configuration)
        if window is not None:
            self.protocol.local_settings = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.protocol.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket without GOAWAY, as if the cable were pulled."""
        self.socket.close()

    def send_request(
        self,
        path: str = "/",
        method: str = "GET",
        headers: Iterable[Header] = (),
        *,
        authority: bytes | None = b"localhost",
        ends: bool = True,
    ) -> int:
        """Send the head of a request, and return the number of its stream."""
        stream = self.protocol.get_next_available_stream_id()
        pseudo = [(b":method", method.encode()), (b":scheme", self.scheme), (b":path", path.encode())]
        if authority is not None:
            pseudo.append((b":authority", authority))
        self.protocol.send_headers(stream, [*pseudo, *headers], end_stream=ends)
        self.responses[stream] = Http2Response()
        self.flush()
        return stream

    def post(self, path: str, body: bytes, headers: Iterable[Header] = ()) -> Http2Response:
        """Send a request with a body, and return the response."""
        stream = self.send_request(
            path, "POST", [(b"content-length", str(len(body)).encode()), *headers], ends=not body
        )
        if body:
            self.send(stream, body)
        return self.wait_for_response(stream)

    def get(self, path: str = "/", headers: Iterable[Header] = (), method: str = "GET") -> Http2Response:
        return self.wait_for_response(self.send_request(path, method, headers))

    def send(self, stream: int, body: bytes, *, ends: bool = True) -> None:
        """Send a body in parts as large as the server allows."""
        while body and self.is_open and not self.responses[stream].is_over:
            room = min(self.protocol.local_flow_control_window(stream), self.protocol.max_outbound_frame_size)
            if room:
                part, body = body[:room], body[room:]
                self.protocol.send_data(stream, part, end_stream=ends and not body)
                self.flush()
            else:
                self.receive(TIMEOUT)

    def reset(self, stream: int, code: ErrorCodes = ErrorCodes.CANCEL) -> None:
        """Reset a stream, unless it is over already."""
        if self.is_open and not self.responses[stream].is_over:
            self.protocol.reset_stream(stream, code)
            self.flush()

    def wait_for_response(self, stream: int, seconds: float = TIMEOUT) -> Http2Response:
        """Wait for the whole response, and return it. Raises TimeoutError if it does not come."""
        end = time.monotonic() + seconds
        while not self.responses[stream].is_over:
            if time.monotonic() > end:
                raise TimeoutError(f"no answer on stream {stream}: {self.responses[stream]}")
            self.receive(end - time.monotonic())
        return self.responses[stream]

    def receive(self, seconds: float) -> None:
        """Process the next data, if any comes within `seconds`. Raises ProtocolError if the server broke a rule."""
        self.socket.settimeout(max(0.01, seconds))
        try:
            data = self.socket.recv(1 << 16)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(ErrorCodes.NO_ERROR)
            return
        try:
            events = self.protocol.receive_data(data)
        except ProtocolError:
            self.flush()  # h2 has an error for the server
            raise
        for event in events:
            self._handle(event)
        self.flush()

    def ping(self, seconds: float = 0.1) -> None:
        """Cause traffic on the connection that is no body, and process what comes."""
        if self.is_open:
            self.protocol.ping(b"12345678")
            self.flush()
            self.receive(seconds)

    def flush(self) -> None:
        data = self.protocol.data_to_send()
        if data and self.is_open:
            self.socket.settimeout(TIMEOUT)
            with contextlib.suppress(OSError):  # the server has closed; the next receive() notices it
                self.socket.sendall(data)

    def _handle(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self._end(event.error_code or ErrorCodes.NO_ERROR)
            return
        response = self.responses.get(getattr(event, "stream_id", 0) or 0, Http2Response())
        match event:
            case ResponseReceived() | TrailersReceived():
                response.headers += event.headers
                response.status = int(response.header(b":status") or 0)
            case DataReceived():
                response.body += event.data
                if self.reads and event.flow_controlled_length:
                    self.protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                response.is_complete = True
            case StreamReset():
                response.reset = int(event.error_code)

    def _end(self, code: int) -> None:
        """Mark the connection, and each stream that is not over, as ended."""
        self.is_open = False
        for response in self.responses.values():
            if not response.is_over:
                response.reset = int(code)
