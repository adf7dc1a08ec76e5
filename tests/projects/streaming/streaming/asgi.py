import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "streaming.settings")
pages = get_asgi_application()


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Prepare a state for each request, and say so."""
    while True:
        event = (await receive())["type"]
        print(f"streaming hears {event}", flush=True)
        if event == "lifespan.startup":
            scope["state"]["greeting"] = "prepared"
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Pages by Django, and an echo for WebSockets."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    if scope["type"] != "websocket":
        await pages(scope, receive, send)
        return
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["text"] == "state":
            await send({"type": "websocket.send", "text": scope["state"].get("greeting", "")})
        elif message["text"].startswith("close "):
            await send({"type": "websocket.close", "code": int(message["text"].removeprefix("close "))})
        else:
            await send({"type": "websocket.send", "text": message["text"]})
    print(f"websocket ended with {message['code']}", flush=True)
