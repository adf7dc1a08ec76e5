"""A shop of django-oscar: a product is put into the basket. Its cache is in /tmp, which the container lacks."""

import re

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "oscar",
    ("django", "django-oscar[sorl-thumbnail]", "django-axes"),
    starts=("django-admin startproject store .",),
    settings="store/settings.py",
    pages=("/catalogue/", "/basket/", "/admin/login/"),
)
ADD = """
from oscar.core.loading import get_model
kind = get_model("catalogue", "ProductClass").objects.create(name="Tea", track_stock=False)
partner = get_model("partner", "Partner").objects.create(name="Us")
product = get_model("catalogue", "Product").objects.create(title="Darjeeling", product_class=kind)
get_model("partner", "StockRecord").objects.create(product=product, partner=partner, partner_sku="1", price=9)
print(product.get_absolute_url())
"""


def test_something_is_put_into_the_basket(site: Site, visitor: Customer) -> None:
    path = site.shell(ADD).split()[-1]
    action = re.search(r'action="(/basket/add/\d+/)"', visitor.get(path).text)
    assert action
    assert visitor.post(action[1], path, quantity="2").status == 200
    assert "Darjeeling" in visitor.get("/basket/").text


def test_dashboard(admin: Customer) -> None:
    page = admin.get("/dashboard/catalogue/")
    assert page.url.endswith("/dashboard/catalogue/")
    assert page.status == 200
