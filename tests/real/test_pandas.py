"""numpy and pandas in a view and a command."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "pandas",
    ("django", "numpy", "pandas"),
    starts=("django-admin startproject figures .",),
    settings="figures/settings.py",
)


def test_report_and_forecast(site: Site, visitor: Customer) -> None:
    assert "2026-03-01" in visitor.get("/").text
    start, slope = map(float, site.run("forecast").stdout.split())
    assert 15 < start < 25
    assert abs(slope) < 1
