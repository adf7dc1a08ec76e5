"""Writes a body to Granian, and counts it until the client has taken it."""

import asyncio

from djbundle.runtime.http.asgi.request import RequestHead, Send
from djbundle.runtime.http.limits.budget import RESPONSE_COST
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.response_account import ClientDisconnectedError, StalledClientError
from djbundle.runtime.http.limits.unacknowledged import ResponseByteCounter
from djbundle.runtime.http.protocol.transport import RESPONSE_BODY


class BodyWriter:
    def __init__(self, request: RequestHead, send: Send, limits: Limits) -> None:
        self._send, self.send_timeout = send, limits.options.send_timeout
        self.account = limits.flow_control.account(request.connection, request.client)
        self.byte_counter = (
            ResponseByteCounter(limits.unacknowledged, request.connection) if request.by_http_2 else None
        )
        self.is_counted = False  # the budget has room for what Granian queues
        self.is_disconnected = False  # the client has disconnected, as watch_client() has seen

    def forget_bytes(self) -> None:
        if self.byte_counter:
            self.byte_counter.forget()

    async def write(self, body: bytes, *, more: bool) -> None:
        """Give bytes to Granian.

        Raise StalledClientError if the client takes none of them in time, and ClientDisconnectedError if it has
        disconnected.
        """
        if self.is_disconnected:
            raise ClientDisconnectedError
        if self.account.is_evicted:
            raise StalledClientError
        self.account.sent += len(body)
        if self.byte_counter:
            self.byte_counter.add(len(body))
        sent = self._send({"type": RESPONSE_BODY, "body": body, "more_body": more})
        if not hasattr(sent, "add_done_callback"):  # Granian has room
            await sent
            if more:  # a site that always has a next part would block the event loop
                await asyncio.sleep(0)
            return
        cost = 0 if self.is_counted else RESPONSE_COST
        try:
            await self.account.wait_until_taken(sent, self.send_timeout, cost)
        except AttributeError:  # as in request_body.py
            raise StalledClientError from None
