"""The body of a request, as the site receives it: within its size, its time and the quota of its client."""

import asyncio
import time
from http import HTTPStatus

from djbundle.runtime.http.asgi.request import Message, Receive, RequestHead
from djbundle.runtime.http.asgi.response import AsgiResponse
from djbundle.runtime.http.limits.bodies import MAX_BODY_IN_MEMORY
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.rate import TransferRate


class RequestBody:
    def __init__(self, request: RequestHead, receive: Receive, response: AsgiResponse, limits: Limits) -> None:
        self.request, self._receive, self.response, self.limits = request, receive, response, limits
        self.rate = TransferRate()
        self.has_quota = False
        self.is_complete = False  # it has been read
        self.is_disconnect_known = False  # the application has been told that its client has disconnected

    async def receive(self) -> Message:
        """Return the next part of the body. After a refusal the application sees its client disconnect."""
        message = await self._receive_next()
        if message["type"] == "http.disconnect":
            self.is_disconnect_known = True
        return message

    async def _receive_next(self) -> Message:
        if self.is_complete or self.response.is_refused:
            return await self.receive_end()
        try:
            message = await asyncio.wait_for(self._receive(), self.limits.options.body_timeout)
        except (TimeoutError, AttributeError):  # Granian's awaitables raise the latter when they are cancelled too late
            return await self.response.refuse(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly")
        self.rate.add(len(message.get("body", b"")))
        if refusal := self.refusal():
            return await self.response.refuse(*refusal)
        self.is_complete = not message.get("more_body", False)
        if self.is_complete:
            if self.rate.size <= MAX_BODY_IN_MEMORY:  # Django keeps a larger body until the response is sent
                self.release_quota()
        elif not await self.may_receive_body():
            return {"type": "http.disconnect"}
        elif self.rate.is_too_slow(time.monotonic(), self.limits.options.body_timeout):
            return await self.response.refuse(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly")
        return message

    def refusal(self) -> tuple[HTTPStatus, str] | None:
        """Return why the body must be refused, whoever sends it."""
        max_body = self.limits.options.max_body
        if max_body and self.rate.size > max_body:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large"
        if self.rate.is_fragmented:
            return HTTPStatus.BAD_REQUEST, "the parts of the body are too small"
        return None

    async def may_receive_body(self) -> bool:
        """Return whether a body may be received.

        That includes the body of a request that seemed to have none, such as a GET over HTTP/2.
        """
        if not self.has_quota:
            await self.acquire_quota()
        return not self.response.is_refused

    async def receive_end(self) -> Message:
        """Return Granian's message that the client has disconnected or cancelled this request."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.response.writer.forget_bytes()
        return message

    async def watch_client(self) -> None:
        """Learn when the client disconnects.

        Granian accepts parts for a disconnected client without an error, and the file server does not check.
        """
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.response.writer.is_disconnected = True
        self.response.writer.forget_bytes()

    async def acquire_quota(self) -> None:
        """Check the quota and take from it in one step, so that requests that check at once cannot all pass."""
        if refusal := self.limits.quota.refusal(self.request.client):
            await self.response.refuse(*refusal)
        else:
            self.has_quota = True
            self.limits.quota.acquire(self.request.client)

    def release_quota(self) -> None:
        if self.has_quota:
            self.has_quota = False
            self.limits.quota.release(self.request.client)
