"""The background tasks of the catalogue."""

from django.core.mail import mail_managers
from django.tasks import task

from catalogue import front_page
from catalogue.models import Category, Product, StockImport
from catalogue.stock_import import run_import
from djbundle.tasks import TaskContext, call, group, schedule

LOW_STOCK = 3  # pieces


@schedule(cron="0 4 * * *")
@task(priority=-10)
def warm_cache() -> None:
    """Renew the cached contents of the front page."""
    front_page.warm()


@task(takes_context=True, max_attempts=3, backoff=10, concurrency=1)
def import_stock(context: TaskContext, import_id: int) -> int:
    """Import an uploaded stock list, and return the number of rows. After a crash it continues where it was.

    Imports run one at a time: two lists may name the same products. If cancelled in the admin, one ends after a batch.
    """
    rows = run_import(StockImport.objects.get(pk=import_id), context.progress)
    warm_cache.enqueue()
    return rows


@schedule(cron="0 7 * * 1-5")
@task(priority=-10)
def report_low_stock() -> None:
    """Check each category in a task of its own, then mail one report to the managers."""
    looks = [call(find_low_stock, category.pk) for category in Category.objects.all()]
    group(looks, then=call(mail_low_stock)).enqueue()


@task(priority=-10)
def find_low_stock(category_id: int) -> list[str]:
    """Return a line for each product of the category that is nearly sold out."""
    low = Product.objects.on_sale().filter(category=category_id, stock__lt=LOW_STOCK)
    return [f"{product.sku}  {product.name}: {product.stock}" for product in low]


@task(priority=-10, max_attempts=5)
def mail_low_stock(lines: list[list[str]]) -> int:
    """Mail the report, unless it is empty, and return its number of products."""
    all_lines = [line for lines_of_category in lines for line in lines_of_category]
    if all_lines:
        mail_managers("Nearly sold out", "\n".join(all_lines))
    return len(all_lines)
