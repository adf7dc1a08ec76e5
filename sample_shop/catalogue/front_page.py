"""The contents of the front page, from the cache. A task fills it, so that no customer has to wait."""

from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Sum

from catalogue.models import Category, Product

KEY = "front-page"
LIFETIME = 15 * 60  # seconds; a task renews it after each change of the catalogue
SHOWN = 4


@dataclass(frozen=True)
class FrontPage:
    featured: list[Product]
    popular: list[Product]
    newest: list[Product]
    categories: list[Category]


def load() -> FrontPage:
    page = cache.get(KEY)
    return page if isinstance(page, FrontPage) else warm()


def warm() -> FrontPage:
    """Read the contents from the database, and put them into the cache."""
    on_sale = Product.objects.on_sale().filter(stock__gt=0)
    popular = on_sale.annotate(sold=Sum("lines__quantity")).filter(sold__gt=0).order_by("-sold")
    page = FrontPage(
        featured=list(on_sale.filter(featured=True)[:SHOWN]),
        popular=list(popular[:SHOWN]),
        newest=list(on_sale.order_by("-pk")[:SHOWN]),
        categories=list(Category.objects.all()),
    )
    cache.set(KEY, page, LIFETIME)
    return page
