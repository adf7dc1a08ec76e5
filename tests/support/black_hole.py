"""A proxy whose connections can become black holes: nothing arrives any more, and nobody is told."""

import contextlib
import socket
import threading
from typing import Self


class BlackHoleProxy:
    """``with BlackHoleProxy(port) as proxy:`` forwards connections to `proxy.port` to this port of the loopback."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._swallowing = threading.Event()  # set for the connections that are open now
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._sockets):
            each.close()

    def swallow(self) -> None:
        """Let the open connections become black holes. New ones work."""
        self._swallowing.set()
        self._swallowing = threading.Event()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                self._sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=(source, sink, self._swallowing), daemon=True).start()

    @staticmethod
    def _forward(source: socket.socket, sink: socket.socket, swallowing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not swallowing.is_set():
                    sink.sendall(data)
            if not swallowing.is_set():
                sink.shutdown(socket.SHUT_WR)
