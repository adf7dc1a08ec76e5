"""Imports stock lists of any length in batches. Each batch is a transaction, and updates the progress."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import batched, islice

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.models import Product, StockImport

BATCH = 500
REMEMBERED_PROBLEMS = 50
REQUIRED = {"sku", "stock"}

Row = dict[str, str]


def run_import(job: StockImport, tell: Callable[[int, int], None] = lambda _done, _total: None) -> int:
    """Set stock and price of the products in the list, and return the number of rows. Reports progress to `tell`."""
    job.rows = sum(1 for _row in read_rows(job))
    job.status = StockImport.Status.RUNNING
    job.save(update_fields=["rows", "status"])
    if missing := REQUIRED - set(columns(job)):
        job.problems = _("missing columns: %s") % ", ".join(sorted(missing))
        job.status = StockImport.Status.FAILED
        job.save(update_fields=["problems", "status"])
        return 0
    for batch in batched(islice(read_rows(job), job.rows_done, None), BATCH, strict=False):
        apply_batch(job, batch)
        tell(job.rows_done, job.rows)
    job.status = StockImport.Status.DONE
    job.save(update_fields=["status"])
    return job.rows_done


def columns(job: StockImport) -> list[str]:
    with job.file.open("rb") as file:
        return list(csv.DictReader(io.TextIOWrapper(file, "utf-8-sig")).fieldnames or [])


def read_rows(job: StockImport) -> Iterator[Row]:
    with job.file.open("rb") as file:
        yield from csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))


@transaction.atomic
def apply_batch(job: StockImport, rows: Iterable[Row]) -> None:
    """Update products and progress together, so that a run after a crash neither repeats nor skips a row."""
    rows = list(rows)
    products = {product.sku: product for product in Product.objects.filter(sku__in=[row["sku"] for row in rows])}
    problems = job.problems.splitlines()
    for row in rows:
        job.rows_done += 1
        if problem := apply_row(row, products):
            problems.append(_("row %(row)d: %(problem)s") % {"row": job.rows_done, "problem": problem})
    Product.objects.bulk_update(products.values(), ["stock", "price"])
    job.problems = "\n".join(problems[:REMEMBERED_PROBLEMS])
    job.save(update_fields=["rows_done", "problems"])


def apply_row(row: Row, products: dict[str, Product]) -> str:
    """Change a product in memory. Return the problem of the row, or an empty string."""
    product = products.get(row["sku"])
    if product is None:
        return _("there is no product %s") % row["sku"]
    stock, price = row["stock"] or "", row.get("price") or ""
    if not stock.isdecimal():
        return _("%s is not a number of pieces") % stock
    try:
        new_price = Decimal(price) if price else product.price
    except InvalidOperation:
        return _("%s is not a price") % price
    if not 0 <= new_price < 1_000_000:
        return _("%s is not a price") % price
    product.stock, product.price = int(stock), new_price
    return ""
