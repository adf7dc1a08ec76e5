"""The basket: product numbers and quantities in the session."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest

from catalogue.models import Product

KEY = "basket"
MOST = 20  # pieces of one product


@dataclass(frozen=True)
class BasketLine:
    product: Product
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity

    @property
    def is_available(self) -> bool:
        return self.quantity <= self.product.stock


class Basket:
    def __init__(self, request: HttpRequest) -> None:
        self.session = request.session
        self.quantities: dict[str, int] = dict(request.session.get(KEY, {}))

    def __len__(self) -> int:
        """Return the number of pieces."""
        return sum(self.quantities.values())

    def __iter__(self) -> Iterator[BasketLine]:
        for product in Product.objects.on_sale().filter(pk__in=self.quantities):
            yield BasketLine(product, self.quantities[str(product.pk)])

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self), Decimal(0))

    def add(self, product: Product, quantity: int) -> None:
        self.set(product, self.quantities.get(str(product.pk), 0) + quantity)

    def set(self, product: Product, quantity: int) -> None:
        """Set the quantity of a product. Zero removes it."""
        self.quantities[str(product.pk)] = max(0, min(quantity, MOST))
        self._save()

    def clear(self) -> None:
        self.quantities = {}
        self._save()

    def _save(self) -> None:
        self.quantities = {key: count for key, count in self.quantities.items() if count}
        self.session[KEY] = self.quantities
