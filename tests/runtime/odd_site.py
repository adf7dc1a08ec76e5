"""A site that answers with what HTTP does not have, behind Granian. Prints its port, and serves until it is killed.

    python -m tests.runtime.odd_site asgi | wsgi [FILE]

With a FILE, it also serves a Unix socket there. `/status/1000` has this status, and `/breaks` fails in the middle. A
WebSocket to `/subprotocol` gets an impossible one, and one to `/failure` fails. Those to `/headers` and `/cookies` are
refused with two headers of one name.
"""

import asyncio
import socket
import sys
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, cast

from django.conf import settings

from djbundle.runtime.http.asgi.middleware import AsgiMiddleware
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.server import Server, WebOptions
from djbundle.runtime.options.http import HttpOptions
from djbundle.runtime.serve.web_process import Endpoint, serve_web

REPEATED = {
    "/headers": [(b"vary", b"origin"), (b"vary", b"cookie")],
    "/cookies": [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")],
}


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    path = scope["path"]
    await receive()
    if path == "/breaks":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"beginning", "more_body": True})
        raise ValueError("no more")
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": int(path.rpartition("/")[2]), "headers": []})
        await send({"type": "http.response.body", "body": b"page"})
    elif path == "/subprotocol":
        await send({"type": "websocket.accept", "subprotocol": "a\n"})
    elif path == "/failure":
        raise ValueError("what the client said\nforged")
    else:
        await send({"type": "websocket.http.response.start", "status": 401, "headers": REPEATED[path]})
        await send({"type": "websocket.http.response.body", "body": b"no"})
    await asyncio.sleep(0)


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/breaks":
        start_response("200 OK", [])
        return broken_parts()
    start_response(f"{environ['PATH_INFO'].rpartition('/')[2]} Odd", [])
    return [b"page"]


def broken_parts() -> Iterator[bytes]:
    yield b"beginning"
    raise ValueError("no more")


def main(interface: Any, *files: str) -> None:
    settings.configure()
    options = HttpOptions()
    limits = Limits(options)
    slot = SimpleNamespace(count_response=lambda *_: None)
    observer = Observer(cast("Any", slot), access_log=False)
    site = AsgiMiddleware(asgi, AddedHeaders(), observer, limits) if interface == "asgi" else wsgi
    listeners = [socket.create_server(("127.0.0.1", 0)), *map(listen_unix, files)]
    print(listeners[0].getsockname()[1], flush=True)
    server = Server(site, WebOptions(interface=interface, blocking_threads=2, http=options), limits)
    serve_web(server, [*map(Endpoint, listeners)])


def listen_unix(file: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(file)
    listener.listen()
    return listener


if __name__ == "__main__":
    main(*sys.argv[1:])
