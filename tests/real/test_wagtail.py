"""What ``wagtail start`` writes."""

from ci.customer import Customer
from ci.site import Site
from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe

RECIPE = Recipe("wagtail", ("wagtail",), starts=("wagtail start mysite .",), pages=("/", "/admin/login/"))
NO_COMMENTS = {f"comments-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}


def test_editor(admin: Customer) -> None:
    assert "Home" in admin.get("/admin/pages/").text
    assert admin.get("/admin/pages/add/home/homepage/3/").status == 200
    assert admin.get("/admin/images/").status == 200


def test_page_is_edited_and_published(visitor: Customer, admin: Customer) -> None:
    assert "Welcome to your new Wagtail site" in visitor.get("/").text
    page = "/admin/pages/3/edit/"
    fields = {"title": "Tea and biscuits", "slug": "home", "action-publish": "action-publish"}
    admin.post(page, page, **fields, **NO_COMMENTS)
    assert "Tea and biscuits" in visitor.get("/").text


def test_what_cron_does(site: Site) -> None:
    site.run("publish_scheduled")
