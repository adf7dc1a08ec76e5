"""``manage.py warm_cache``."""

from typing import Any

from django.core.management.base import BaseCommand

from catalogue import front_page


class Command(BaseCommand):
    help = "Renews what the front page shows in the cache."

    def handle(self, *_args: Any, **_options: Any) -> None:
        page = front_page.warm()
        self.stdout.write(
            f"{len(page.featured)} featured, {len(page.popular)} popular, {len(page.newest)} new products"
        )
