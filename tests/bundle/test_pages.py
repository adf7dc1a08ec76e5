"""Pages in a real browser."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ci.site import Site
from tests.conftest import ADMIN_PASSWORD


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "there is no chromium; ci/test installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def problems() -> list[str]:
    """What the browser's console complained about."""
    return []


@pytest.fixture
def page(browser: Browser, problems: list[str]) -> Iterator[Page]:
    page = browser.new_page(locale="en-GB", viewport={"width": 1200, "height": 4000})
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("response", lambda answer: problems.append(answer.url) if answer.status >= 400 else None)
    yield page
    page.close()


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
