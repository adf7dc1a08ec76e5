"""The part of the basket that every page shows."""

from typing import Any

from django.http import HttpRequest

from orders.basket import Basket


def basket(request: HttpRequest) -> dict[str, Any]:
    return {"basket": Basket(request)}
