"""One request and its response."""

import asyncio
from http import HTTPStatus

from djbundle.runtime.http.asgi.request import Message, Receive, RequestHead, Send
from djbundle.runtime.http.asgi.request_body import RequestBody
from djbundle.runtime.http.asgi.response import AsgiResponse
from djbundle.runtime.http.limits.budget import RESPONSE_COST
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.validity import is_bad_host, length_refusal


class Exchange:
    def __init__(
        self, additions: AddedHeaders, observer: Observer, limits: Limits, scope: Message, receive: Receive, send: Send
    ) -> None:
        self.limits = limits
        self.request = RequestHead(scope)
        self.response = AsgiResponse(self.request, send, additions, observer, limits)
        self.body = RequestBody(self.request, receive, self.response, limits)
        self.is_admitted = False
        self.disconnect_watcher: asyncio.Future[None] | None = None

    async def admit(self) -> bool:
        """Return whether the site should get the request. If not, it is answered here."""
        request, flow_control = self.request, self.limits.flow_control
        if request.scope["method"] == "CONNECT":
            await self.response.refuse(HTTPStatus.METHOD_NOT_ALLOWED, "that is for proxies")
        elif is_bad_host(request.header(b"host"), is_optional=request.scope["http_version"] == "1.0"):
            await self.response.refuse(HTTPStatus.BAD_REQUEST, "bad request")
        elif refusal := length_refusal(request.length, self.limits.options.max_body):
            await self.response.refuse(refusal, refusal.phrase.lower())
        elif not await flow_control.admit(request.connection, request.client, request.turn):
            await self.response.refuse(*flow_control.refusal(request.client))
        else:
            self.is_admitted = True
            if request.may_have_body:
                await self.body.acquire_quota()
        return not self.response.is_refused

    async def open_file(self) -> bool:
        """Return whether a file may be opened for sending. The budget limits how many are open at once."""
        writer, flow_control = self.response.writer, self.limits.flow_control
        writer.is_counted = await flow_control.charge_when_free(writer.account, RESPONSE_COST, self.request.turn)
        if writer.is_counted:
            self.disconnect_watcher = asyncio.ensure_future(self.body.watch_client())
        else:
            await self.response.refuse(*self.limits.budget.refusal(self.request.client))
        return writer.is_counted

    def close(self) -> None:
        self.body.release_quota()
        if self.is_admitted:
            self.limits.flow_control.release(self.request.client)
        if self.disconnect_watcher:
            self.disconnect_watcher.cancel()
        self.response.writer.account.close()
        self.limits.cycles.add(self.response.largest)
