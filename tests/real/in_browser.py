"""The pages of a project in a real browser. Imported by the tests of each, which so have it too."""

import pytest
from playwright.sync_api import Page

from ci.site import Site

OF_THE_NETWORK = "net::ERR_"  # which a page wants that takes its scripts from elsewhere


def test_pages_in_a_browser(site: Site, page: Page, problems: list[str], request: pytest.FixtureRequest) -> None:
    for path in request.module.RECIPE.pages:
        answer = page.goto(f"{site.url}{path}")
        assert answer
        assert answer.status == 200, path
        assert page.inner_text("body").strip(), path
    assert [each for each in problems if OF_THE_NETWORK not in each] == []
