import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "streaming.settings")
pages = get_asgi_application()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Pages by Django, and an echo for WebSockets."""
    if scope["type"] != "websocket":
        await pages(scope, receive, send)
        return
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "websocket.send", "text": message["text"]})
    print(f"websocket ended with {message['code']}", flush=True)
