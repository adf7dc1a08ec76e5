"""The catalogue's work in the background."""

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
    """Renew what the front page shows."""
    front_page.warm()


@task(takes_context=True, max_attempts=3, backoff=10, concurrency=1)
def import_stock(context: TaskContext, import_id: int) -> int:
    """Work off an uploaded stock list; the number of rows. After a crash it goes on where it was.

    One at a time: two lists may name the same products. Cancelled in the admin, it ends behind a batch.
    """
    rows = run_import(StockImport.objects.get(pk=import_id), context.progress)
    warm_cache.enqueue()
    return rows


@schedule(cron="0 7 * * 1-5")
@task(priority=-10)
def report_low_stock() -> None:
    """Look at each category for itself, then mail one report to the managers."""
    looks = [call(find_low_stock, category.pk) for category in Category.objects.all()]
    group(looks, then=call(mail_low_stock)).enqueue()


@task(priority=-10)
def find_low_stock(category_id: int) -> list[str]:
    """A line for each product of the category that is nearly sold out."""
    low = Product.objects.on_sale().filter(category=category_id, stock__lt=LOW_STOCK)
    return [f"{product.sku}  {product.name}: {product.stock}" for product in low]


@task(priority=-10, max_attempts=5)
def mail_low_stock(lines: list[list[str]]) -> int:
    """The number of products in the report; without any there is none."""
    found = [line for lines_of_category in lines for line in lines_of_category]
    if found:
        mail_managers("Nearly sold out", "\n".join(found))
    return len(found)
