"""Pages in a real browser."""

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import ADMIN_PASSWORD
from tests.support.site import Site


def test_admin_login_has_its_styles(page: Page, open_shop: Site, problems: list[str]) -> None:
    page.goto(f"{open_shop.url}/admin/")
    header = page.locator("#header").evaluate("node => getComputedStyle(node).backgroundColor")
    assert header not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")
    page.fill("#id_username", "admin")
    page.fill("#id_password", ADMIN_PASSWORD)
    page.click("[type=submit]")
    page.wait_for_selector("#user-tools")
    assert problems == []


@pytest.mark.parametrize("section", ["catalogue/product", "orders/order", "djbundle_tasks/taskrecord", "auth/user"])
def test_admin_pages_work(page: Page, open_shop: Site, problems: list[str], section: str) -> None:
    page.goto(f"{open_shop.url}/admin/login/?next=/admin/{section}/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", ADMIN_PASSWORD)
    page.click("[type=submit]")
    page.wait_for_selector("#changelist")
    assert problems == []


def test_front_page_shows_pictures(page: Page, open_shop: Site, problems: list[str]) -> None:
    page.goto(open_shop.url, wait_until="networkidle")
    widths = page.locator("main img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert widths
    assert all(widths)
    assert problems == []


def test_german_page(browser: Browser, open_shop: Site) -> None:
    page = browser.new_page(locale="de-DE")
    page.goto(open_shop.url)
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.get_by_role("link", name="Warenkorb").count()
    page.close()
