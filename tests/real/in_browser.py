"""A test of a project's pages in a real browser. The tests of each project import it, and so run it too."""

import pytest
from playwright.sync_api import Page

from tests.support.site import Site

# Missing files of the site are reported by their URLs. Missing files from elsewhere are not the site's fault.
NOT_LOADED = "Failed to load resource"


def test_pages_in_a_browser(site: Site, page: Page, problems: list[str], request: pytest.FixtureRequest) -> None:
    for path in request.module.RECIPE.pages:
        answer = page.goto(f"{site.url}{path}")
        assert answer
        assert answer.status == 200, path
        assert page.locator("body *").count(), path
    assert [each for each in problems if NOT_LOADED not in each] == []
