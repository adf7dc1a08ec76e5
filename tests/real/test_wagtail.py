"""What ``wagtail start`` writes."""

from ci.customer import Customer
from tests.real.recipe import Recipe

RECIPE = Recipe("wagtail", ("wagtail",), starts=("wagtail start mysite .",))


def test_welcome_and_editor(visitor: Customer, admin: Customer) -> None:
    assert "Welcome to your new Wagtail site" in visitor.get("/").text
    assert "Welcome" in admin.get("/admin/pages/").text
    assert admin.get("/admin/pages/add/home/homepage/3/").status == 200
    assert admin.get("/admin/images/").status == 200
