"""The threads of a WSGI site. Granian's own only receive requests and hand them over.

So no client holds a thread of the site by sending its body slowly (bodies.py); nor by reading slowly, since an answer
in parts is sent by a thread of its own. And the site has as many threads, each with its connections to databases, as it
was told to.
"""

import contextvars
import queue
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from django.db import connections

from djbundle.runtime.http.turns import Turns
from djbundle.runtime.logs import lines

STREAMS = 256  # answers in parts that one worker sends at once; made when they are needed

Answer = Callable[[Any, dict[str, Any]], Any]


class Request(NamedTuple):
    """As Granian hands it over; `peer` is the address at the other end of the connection."""

    protocol: Any
    environ: dict[str, Any]
    peer: str


class SiteThreads:
    """Run `site`, which is what Granian would call, in `count` threads, for one request after the other."""

    def __init__(self, site: Answer, count: int) -> None:
        self.site = site
        self.turns = Turns()
        self.streams = ThreadPoolExecutor(STREAMS, "stream")
        self.waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self.answering: dict[int, str] = {}  # the peer for whom each thread works, by the thread's number
        for number in range(count):
            threading.Thread(target=self.work, name=f"site-{number}", daemon=True).start()

    def work(self) -> None:
        while True:
            self.answer(self.waiting.get())

    def answer(self, request: Request) -> None:
        """In this thread."""
        number = threading.get_ident()
        protocol, environ, self.answering[number] = request
        environ["djbundle.begun"] = time.perf_counter()
        sender = Sender(protocol, environ.get("djbundle.spool"), self.streams)
        turn = self.turns.take()
        try:
            self.site(sender, environ)
        except Exception:  # the site's own errors are answered by Django; this one is of what stands around it
            told = {"id": environ.get("HTTP_X_REQUEST_ID", "")}
            lines.write("error", "serve", "the answer to a request failed", told, traceback.format_exc())
            sender.response_bytes(500, [], b"")
        finally:
            turn.release()
            del self.answering[number]


class Sender:
    """Stands for Granian's protocol of one request. An answer in parts is sent elsewhere, in the context of this
    thread: with its language and time zone, but with connections to databases of its own, which are closed behind it.
    """

    __slots__ = ("protocol", "spool", "streams")

    def __init__(self, protocol: Any, spool: Any, streams: ThreadPoolExecutor) -> None:
        self.protocol, self.spool, self.streams = protocol, spool, streams

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if self.spool:
            self.spool.close()
        self.protocol.response_bytes(status, headers, body)

    def response_iter(self, status: int, headers: list[tuple[str, str]], parts: Any) -> None:
        context = contextvars.copy_context()
        self.streams.submit(context.run, self.stream, status, headers, parts)

    def stream(self, status: int, headers: list[tuple[str, str]], parts: Any) -> None:
        try:
            self.protocol.response_iter(status, headers, parts)
        except Exception:
            lines.write("error", "serve", "an answer broke off", trace=traceback.format_exc())
        finally:
            if self.spool:
                self.spool.close()
            connections.close_all()
