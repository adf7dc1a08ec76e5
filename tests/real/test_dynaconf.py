"""Settings by dynaconf, which replaces Django's settings object by its own."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "dynaconf",
    ("django", "dynaconf"),
    starts=("django-admin startproject site_ .",),
    settings="site_/settings.py",
    environment={"DJANGO_ENV": "production"},
    pages=("/", "/admin/login/"),
)


def test_settings_are_those_of_the_environment_and_of_the_bundle(visitor: Customer) -> None:
    assert "in production, False, /static/" in visitor.get("/").text


def test_database_lies_in_the_data_directory(site: Site, admin: Customer) -> None:
    assert (site.data / "db.sqlite3").is_file()
    assert admin.get("/admin/auth/user/").status == 200
