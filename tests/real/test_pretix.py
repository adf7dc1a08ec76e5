"""pretix: a whole project in one package, with offline compression and a front end built into STATIC_ROOT."""

import pytest

from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe("pretix", ("pretix",), user_name=())


@pytest.fixture
def visitor(site: Site) -> Customer:
    """Return a customer with the only host name that the site accepts."""
    return Customer(site.url.replace("127.0.0.1", "localhost"))


def test_log_in(visitor: Customer) -> None:
    page = visitor.post("/control/login", "/control/login", email="admin@shop.example", password="secret")
    assert page.url.endswith("/control/")
    assert "admin@shop.example" in page.text


def test_styles_are_compressed(visitor: Customer) -> None:
    page = visitor.get("/control/login").text
    assert "/static/CACHE/css/" in page


def test_what_cron_does(site: Site) -> None:
    site.run("runperiodic")
