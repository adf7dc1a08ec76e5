"""The pages of a project in a real browser. Imported by the tests of each, which so have it too."""

import pytest
from playwright.sync_api import Page

from ci.site import Site

# Files of the site that are not there are noted by their addresses; others, from elsewhere, are none of its business.
NOT_LOADED = "Failed to load resource"


def test_pages_in_a_browser(site: Site, page: Page, problems: list[str], request: pytest.FixtureRequest) -> None:
    for path in request.module.RECIPE.pages:
        answer = page.goto(f"{site.url}{path}")
        assert answer
        assert answer.status == 200, path
        assert page.locator("body *").count(), path
    assert [each for each in problems if NOT_LOADED not in each] == []
