"""django-ninja, with pydantic types and async views."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.json_client import ask
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "ninja",
    ("django", "django-ninja"),
    starts=("django-admin startproject weather .",),
    settings="weather/settings.py",
    apps=("stations",),
    pages=("/api/docs", "/admin/login/"),
)


def test_stations(site: Site, visitor: Customer) -> None:
    assert ask(f"{site.url}/api/stations", {"name": "Zugspitze", "height": 2956})["id"] == 1
    assert ask(f"{site.url}/api/stations/1")["height"] == 2956
    assert ask(f"{site.url}/api/async") == {"stations": 1}
    assert visitor.get("/api/stations/2").status == 404
    assert "Weather" in visitor.get("/api/docs").text
    assert "/api/stations" in visitor.get("/api/openapi.json").text
