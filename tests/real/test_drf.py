"""Django REST framework with a schema by drf-spectacular, tokens by simplejwt, and filters."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.json_client import ask
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "drf",
    (
        *("django", "djangorestframework", "drf-spectacular", "drf-spectacular-sidecar"),
        *("djangorestframework-simplejwt", "django-filter"),
    ),
    starts=("django-admin startproject api .",),
    settings="api/settings.py",
    apps=("books",),
    pages=("/api/docs/", "/admin/login/"),
)


def test_a_token_lets_add_a_book(site: Site) -> None:
    token = ask(f"{site.url}/api/token/", {"username": "admin", "password": "secret"})["access"]
    ask(f"{site.url}/api/books/", {"title": "Emma", "year": 1815}, Authorization=f"Bearer {token}")
    assert ask(f"{site.url}/api/books/?year=1815")["count"] == 1
    assert ask(f"{site.url}/api/books/?year=1816")["count"] == 0


def test_browsable_pages_and_schema(visitor: Customer) -> None:
    assert "Django REST framework" in visitor.get("/api/books/", Accept="text/html").text
    assert "/api/books/{id}/" in visitor.get("/api/schema/").text
    assert "swagger-ui" in visitor.get("/api/docs/").text
