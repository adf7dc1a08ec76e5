"""Places orders: stock, order and the task that charges are one transaction, so all of it happens or nothing."""

from django.db import transaction
from django.db.models import F

from catalogue.models import Product
from orders.basket import Basket, BasketLine
from orders.models import Order, OrderLine
from orders.tasks import charge_order


class OutOfStockError(Exception):
    def __init__(self, product: Product) -> None:
        super().__init__(product)
        self.product = product


@transaction.atomic
def place_order(order: Order, basket: Basket) -> Order:
    """Save `order` with the contents of the basket. A task charges the card after the transaction has committed."""
    lines = list(basket)
    for line in lines:
        reserve(line)
    order.total = sum((line.total for line in lines), order.total)
    order.save()
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order, product=line.product, name=line.product.title, price=line.product.price, quantity=line.quantity
        )
        for line in lines
    )
    charge_order.enqueue(order.pk)
    return order


def reserve(line: BasketLine) -> None:
    """Take the pieces from the stock. Raises OutOfStockError if there are too few, as another order was faster."""
    enough = Product.objects.filter(pk=line.product.pk, stock__gte=line.quantity)
    if not enough.update(stock=F("stock") - line.quantity):
        raise OutOfStockError(line.product)


def give_back_stock(order: Order) -> None:
    for line in order.lines.all():
        Product.objects.filter(pk=line.product_id).update(stock=F("stock") + line.quantity)
