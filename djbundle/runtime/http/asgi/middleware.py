"""Stands around an ASGI site and its files: refuses requests, adds response headers, and drops stalled clients."""

import traceback
from typing import Any

from djbundle.runtime.http.asgi.exchange import Exchange
from djbundle.runtime.http.asgi.request import Message, Receive, Send, client_address, read_headers
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.response_account import ClientDisconnectedError, StalledClientError
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.transport import OPEN_FILE
from djbundle.runtime.http.websocket_gate import WebSocketGate
from djbundle.runtime.logs import lines


class AsgiMiddleware:
    """Stands around an ASGI site and its files."""

    def __init__(self, application: Any, additions: AddedHeaders, observer: Observer, limits: Limits) -> None:
        self.application, self.additions, self.observer, self.limits = application, additions, observer, limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            request_headers = read_headers(scope["headers"])
            gate = WebSocketGate(
                self.observer, self.limits, scope, client_address(scope), request_headers.get(b"x-request-id", "")
            )
            await gate.run(self.application, receive, send, request_headers.get(b"host", ""))
            return
        exchange = Exchange(self.additions, self.observer, self.limits, scope, receive, send)
        response = exchange.response
        place = self.observer.in_flight.begin(f"{scope['method']} {scope['path']}".encode("utf-8", "backslashreplace"))
        try:
            if await exchange.admit():
                scope[OPEN_FILE] = exchange.open_file
                await self.application(scope, exchange.body.receive, response.send)
                await response.ensure_begun(is_disconnect_known=exchange.body.is_disconnect_known)
        except ClientDisconnectedError:
            pass
        except StalledClientError:
            response.abort_connection()
        except Exception:  # Django answers its own errors: this one is from a stream or from code around Django
            fields = {"id": exchange.request.header(b"x-request-id")}
            lines.write("error", "serve", "the answer to a request failed", fields, traceback.format_exc())
            if response.is_partly_answered and scope["http_version"] != "2":  # HTTP/2 carries other responses too
                response.abort_connection()
            await response.send_server_error()
        finally:
            scope.pop(OPEN_FILE, None)  # the scope and the exchange would keep each other
            exchange.close()
            self.observer.in_flight.end(place)
