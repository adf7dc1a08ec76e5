"""The background tasks of the catalogue, as the worker runs them."""

from django.core import mail
from django.test import TestCase, override_settings

from catalogue.models import Category, Product
from catalogue.tasks import report_low_stock
from djbundle.tasks.testing import run_pending


@override_settings(MANAGERS=["buyer@hazel-and-oak.example"])
class LowStockTest(TestCase):
    def setUp(self) -> None:
        for number, stock in enumerate((0, 2, 50)):
            category = Category.objects.create(slug=f"c{number}", name=f"C{number}")
            Product.objects.create(
                sku=f"S{number}", slug=f"s{number}", name="Mug", category=category, price=1, stock=stock
            )

    def test_the_managers_get_one_report_of_all_categories(self) -> None:
        report_low_stock.enqueue()
        run_pending()
        self.assertEqual([message.body for message in mail.outbox], ["S0  Mug: 0\nS1  Mug: 2"])

    def test_without_need_there_is_no_mail(self) -> None:
        Product.objects.update(stock=9)
        report_low_stock.enqueue()
        run_pending()
        self.assertEqual(mail.outbox, [])
