"""Imports of stock lists."""

import tempfile
from decimal import Decimal
from unittest import mock

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, override_settings
from django.urls import reverse

from catalogue import stock_import
from catalogue.models import Category, Product, StockImport
from catalogue.stock_import import run_import


class StockImportTest(TestCase):
    def setUp(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(override_settings(MEDIA_ROOT=folder))
        category = Category.objects.create(slug="c", name="C")
        for number in range(5):
            Product.objects.create(sku=f"S{number}", slug=f"s{number}", name="S", category=category, price=1)

    def make(self, text: str) -> StockImport:
        return StockImport.objects.create(file=ContentFile(text.encode(), "list.csv"))

    def test_stock_and_prices_are_set(self) -> None:
        self.assertEqual(run_import(self.make("sku,stock,price\nS0,7,2.50\nS1,8,\n")), 2)
        self.assertEqual(Product.objects.get(sku="S0").price, Decimal("2.50"))
        self.assertEqual(list(Product.objects.order_by("sku").values_list("stock", flat=True)), [7, 8, 0, 0, 0])

    def test_bad_rows_are_told_and_the_rest_is_done(self) -> None:
        job = self.make("sku,stock,price\nS0,many,\nnone,1,\nS1,1,cheap\nS2,3,\n")
        run_import(job)
        self.assertEqual(job.status, StockImport.Status.DONE)
        self.assertEqual(len(job.problems.splitlines()), 3)
        self.assertEqual(Product.objects.get(sku="S2").stock, 3)

    def test_a_file_without_its_columns_is_refused(self) -> None:
        job = self.make("article;number\n")
        run_import(job)
        self.assertEqual(job.status, StockImport.Status.FAILED)
        self.assertIn("sku, stock", job.problems)

    def test_after_a_crash_it_goes_on_where_it_was(self) -> None:
        job = self.make("sku,stock\n" + "".join(f"S{number},{number + 1}\n" for number in range(5)))
        with mock.patch.object(stock_import, "BATCH", 2):
            with mock.patch.object(stock_import, "apply_batch", crash_after(1)), self.assertRaises(ConnectionError):
                run_import(job)
            again = StockImport.objects.get(pk=job.pk)
            self.assertEqual(again.rows_done, 2)
            Product.objects.filter(sku="S0").update(stock=99)  # a completed row is not imported again
            run_import(again)
        self.assertEqual(list(Product.objects.order_by("sku").values_list("stock", flat=True)), [99, 2, 3, 4, 5])

    def test_an_upload_in_the_admin_is_enqueued_and_its_progress_is_shown(self) -> None:
        self.client.force_login(get_user_model().objects.create_superuser("admin"))
        upload = SimpleUploadedFile("list.csv", b"sku,stock\nS0,4\n")
        page = self.client.post(reverse("admin:catalogue_stockimport_add"), {"file": upload}, follow=True)
        self.assertContains(page, "<progress")
        self.assertEqual(page["Refresh"], "2")
        run_import(StockImport.objects.get())
        self.assertNotIn("Refresh", self.client.get(reverse("admin:catalogue_stockimport_changelist")))


def crash_after(batches: int):
    """Import some batches, then fail as when a worker crashes."""
    apply, calls = stock_import.apply_batch, iter(range(batches))

    def apply_or_crash(*arguments) -> None:
        if next(calls, None) is None:
            raise ConnectionError
        apply(*arguments)

    return apply_or_crash
