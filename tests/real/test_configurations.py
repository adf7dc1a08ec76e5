"""Settings by django-configurations: wsgi.py names another class than manage.py."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "configurations",
    ("django<6.1", "django-configurations", "dj-database-url"),  # it does not support Django 6.1 yet
    environment={"DJANGO_SECRET_KEY": "only-a-test"},
    pages=("/", "/admin/login/"),
)


def test_settings_are_those_of_the_class_for_servers(visitor: Customer, admin: Customer) -> None:
    assert "in production, False" in visitor.get("/").text
    assert admin.get("/admin/auth/user/").status == 200


def test_value_that_is_needed_is_named(site: Site) -> None:
    del site.environment["DJANGO_SECRET_KEY"]
    assert "'DJANGO_SECRET_KEY'" in site.run("check", check=False).stderr
    site.environment["DJANGO_CONFIGURATION"] = "Dev"
    assert site.shell("from django.conf import settings; print(settings.TITLE)") == "for development"
