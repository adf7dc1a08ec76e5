"""A response whose parts are generated while they are sent. It holds a thread of its own."""

import contextvars
import threading
from functools import partial
from typing import Any

from django.db import connections

from djbundle.runtime.http.protocol.transport import (
    Request,
)
from djbundle.runtime.http.streaming.streamed_response import OpenStreams, StreamedResponse


class GeneratedResponse(StreamedResponse):
    """A response whose parts are generated while they are sent, all in one thread, as a database cursor requires."""

    def __init__(self, streams: OpenStreams, request: Request, parts: Any, cost: int) -> None:
        super().__init__(streams, request, parts, cost)
        self.was_taken = threading.Semaphore(0)
        self.context = contextvars.copy_context()

    def start(self, *, is_now: bool) -> None:  # noqa: ARG002 - never in this thread
        """Generate and send the body in a thread of its own."""
        run = partial(self.context.run, self.run)
        try:
            threading.Thread(target=run, name="generator", daemon=True).start()  # not pooled: they may be many
        except RuntimeError:  # the machine cannot start another
            self.fail()

    def run(self) -> None:
        try:
            super().run()
        finally:
            connections.close_all()

    def advance(self) -> bool:
        while not self.is_over:
            if future := self.send_next():
                self.wait(future)
                self.was_taken.acquire()
        return True

    def on_taken(self, _future: Any) -> None:
        self.waiting_since = self.future = None
        self.was_taken.release()
