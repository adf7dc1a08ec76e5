"""The catalogue's work in the background."""

from django.tasks import task

from catalogue import front_page
from catalogue.models import StockImport
from catalogue.stock_import import run_import


@task(priority=-10)
def warm_cache() -> None:
    """Renew what the front page shows."""
    front_page.warm()


@task(max_attempts=3, backoff=10)
def import_stock(import_id: int) -> int:
    """Work off an uploaded stock list; the number of rows. After a crash it goes on where it was."""
    rows = run_import(StockImport.objects.get(pk=import_id))
    warm_cache.enqueue()
    return rows
