"""Keeps the cached front page up to date."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from catalogue.models import Category, Product
from catalogue.tasks import warm_cache


@receiver([post_save, post_delete], sender=Product)
@receiver([post_save, post_delete], sender=Category)
def refresh_front_page(raw: bool = False, **_: Any) -> None:
    if not raw:
        warm_cache.enqueue()
