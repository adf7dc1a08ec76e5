"""channels: a room for a chat by WebSockets."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site
from tests.support.websocket import TEXT, WebSocket

RECIPE = Recipe(
    "channels",
    ("django", "channels", "daphne"),
    starts=("django-admin startproject chat .",),
    settings="chat/settings.py",
)


def test_a_room_hears_what_is_said(site: Site) -> None:
    with WebSocket(site, "/ws/chat/lobby/") as client:
        client.send('{"message": "hello"}')
        assert client.receive() == (TEXT, b'{"message": "hello"}')


def test_page(visitor: Customer) -> None:
    assert "rooms/room." in visitor.get("/").text
