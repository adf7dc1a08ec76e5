"""Pages of the catalogue."""

from decimal import Decimal

from django.test import TestCase
from django.utils import translation

from catalogue import front_page
from catalogue.models import Category, Product
from catalogue.templatetags.shop import money


class CatalogueTest(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        kitchen = Category.objects.create(slug="kitchen", name="Kitchen", name_de="Küche")
        shared = {"category": kitchen, "price": Decimal("24.90"), "stock": 3}
        Product.objects.create(sku="1", slug="mug", name="Green mug", name_de="Grüner Becher", **shared)
        Product.objects.create(sku="2", slug="bowl", name="Bowl", description="Green glaze", **shared)
        Product.objects.create(sku="3", slug="old", name="Green relic", active=False, **shared)

    def setUp(self) -> None:
        front_page.cache.delete(front_page.KEY)

    def test_front_page_shows_what_is_on_sale(self) -> None:
        page = self.client.get("/")
        self.assertContains(page, "Green mug")
        self.assertNotContains(page, "relic")

    def test_front_page_comes_from_the_cache(self) -> None:
        front_page.warm()
        Product.objects.filter(slug="mug").update(name="Renamed")
        self.assertContains(self.client.get("/"), "Green mug")
        front_page.warm()
        self.assertContains(self.client.get("/"), "Renamed")

    def test_category(self) -> None:
        self.assertContains(self.client.get("/category/kitchen/"), "€24.90")
        self.assertEqual(self.client.get("/category/none/").status_code, 404)

    def test_search_finds_all_words_in_either_language(self) -> None:
        self.assertContains(self.client.get("/search/", {"q": "becher"}), "Green mug")
        response = self.client.get("/search/", {"q": "green bowl"})
        self.assertContains(response, "Bowl")
        self.assertNotContains(response, "mug")

    def test_a_product_that_is_not_on_sale_has_no_page(self) -> None:
        self.assertEqual(self.client.get("/product/old/").status_code, 404)

    def test_german(self) -> None:
        page = self.client.get("/product/mug/", headers={"Accept-Language": "de"})
        self.assertContains(page, "Grüner Becher")
        self.assertContains(page, "In den Warenkorb")

    def test_money_is_written_as_the_language_does(self) -> None:
        with translation.override("en"):
            self.assertEqual(money(Decimal("1234.5")), "€1,234.50")
        with translation.override("de"):
            self.assertEqual(money(Decimal("1234.5")), "1.234,50\N{NO-BREAK SPACE}€")
