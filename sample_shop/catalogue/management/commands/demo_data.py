"""``manage.py demo_data``."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.text import slugify

from catalogue.demo.range import CATEGORIES, RANGE, Item
from catalogue.models import Category, Product
from catalogue.tasks import warm_cache

LOGIN = "admin"


class Command(BaseCommand):
    help = "Fills the shop with a small range of products and makes an account for the admin. May be run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--admin-password", help=f'The password of "{LOGIN}"; default: a random one, printed.')

    @transaction.atomic
    def handle(self, *_args: Any, **options: Any) -> None:
        categories = make_categories()
        for item in RANGE:
            make_product(item, categories[item.category])
        warm_cache.enqueue()
        password = options["admin_password"] or secrets.token_urlsafe(9)
        make_admin(password)
        shown = "as given" if options["admin_password"] else password
        self.stdout.write(f'{len(RANGE)} products in {len(categories)} categories; login "{LOGIN}", password {shown}')


def make_categories() -> dict[str, Category]:
    """Create the categories, or rename them. One by one: MariaDB knows no conflict on a named column."""
    for position, (slug, (name, name_de)) in enumerate(CATEGORIES.items()):
        names = {"name": name, "name_de": name_de}
        Category.objects.update_or_create(slug=slug, defaults=names, create_defaults=names | {"position": position})
    return Category.objects.in_bulk(CATEGORIES, field_name="slug")


def make_product(item: Item, category: Category) -> None:
    """Create a product, unless it exists: an existing one may have been edited."""
    if Product.objects.filter(sku=item.sku).exists():
        return
    product = Product(
        sku=item.sku,
        slug=slugify(item.name),
        category=category,
        name=item.name,
        name_de=item.name_de,
        description=item.description,
        description_de=item.description_de,
        price=item.price,
        stock=item.stock,
        featured=item.featured,
    )
    product.image.save(f"{product.slug}.webp", ContentFile(item.draw().to_webp()), save=False)
    Product.objects.bulk_create([product])  # without the signal, which would warm the cache for each product


def make_admin(password: str) -> None:
    user, _created = get_user_model().objects.get_or_create(
        username=LOGIN, defaults={"email": "admin@hazel-and-oak.example", "is_staff": True, "is_superuser": True}
    )
    user.set_password(password)
    user.save()
