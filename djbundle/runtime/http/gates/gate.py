"""Puts a gate before an application, by both interfaces."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from asgiref.sync import sync_to_async

from djbundle.runtime.http.protocol.own_response import OwnResponse


class GateRequest(NamedTuple):
    """The part of a request by which a gate decides."""

    client: str  # its address, as far as trusted proxies tell it
    path: str
    authorization: str = ""


class Gate(Protocol):
    hides_authorization: bool  # the application does not see the credentials that were meant for the gate

    def answer_at_once(self, request: GateRequest) -> tuple[bool, OwnResponse | None]:
        """Return whether it is decided, and the response that refuses the request, or None to let it pass."""
        ...

    def answer(self, request: GateRequest) -> OwnResponse | None:
        """Decide what `answer_at_once` has not. It may take long, so an event loop calls it in a thread."""
        ...


def wrap(application: Any, interface: str, gate: Gate) -> Any:
    """Return the application of `interface`, behind the gate."""
    return _wsgi(application, gate) if interface == "wsgi" else _asgi(application, gate)


def _wsgi(application: Any, gate: Gate) -> Any:
    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        request = GateRequest(environ["REMOTE_ADDR"], path, environ.get("HTTP_AUTHORIZATION", ""))
        is_decided, refusal = gate.answer_at_once(request)
        if not is_decided:
            refusal = gate.answer(request)
        if refusal:
            return refusal.by_wsgi(start_response)
        if gate.hides_authorization:
            environ.pop("HTTP_AUTHORIZATION", None)
        return application(environ, start_response)

    return middleware


def _asgi(application: Any, gate: Gate) -> Callable[..., Awaitable[None]]:
    async def middleware(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
            return
        request = GateRequest((scope["client"] or ("",))[0], scope["path"], authorization_of(scope))
        is_decided, refusal = gate.answer_at_once(request)
        if not is_decided:
            refusal = await sync_to_async(gate.answer, thread_sensitive=False)(request)
        if refusal is None:
            if gate.hides_authorization:
                scope["headers"] = [item for item in scope["headers"] if item[0] != b"authorization"]
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # before it is accepted: the client gets 403
        else:
            await refusal.by_asgi(send)

    return middleware


def authorization_of(scope: dict[str, Any]) -> str:
    """Return the credentials of a request, joined as WSGI joins them."""
    return ",".join([value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"])
