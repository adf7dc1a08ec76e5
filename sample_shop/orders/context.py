"""What every page shows of the basket."""

from typing import Any

from django.http import HttpRequest

from orders.basket import Basket


def basket(request: HttpRequest) -> dict[str, Any]:
    return {"basket": Basket(request)}
