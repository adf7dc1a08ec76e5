"""Basket, checkout and order pages."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from catalogue.models import Product
from orders.basket import Basket
from orders.checkout import OutOfStockError, place_order
from orders.forms import CheckoutForm
from orders.models import Order

REFRESH = "2"  # seconds between reloads of an order's page while its payment is pending


@never_cache
def show_basket(request: HttpRequest) -> HttpResponse:
    return render(request, "orders/basket.html")


@require_POST
def add_to_basket(request: HttpRequest, slug: str) -> HttpResponse:
    product = get_object_or_404(Product.objects.on_sale(), slug=slug)
    Basket(request).add(product, read_quantity(request))
    messages.success(request, _("%s is in your basket.") % product.title)
    return redirect("basket")


@require_POST
def set_quantity(request: HttpRequest, slug: str) -> HttpResponse:
    Basket(request).set(get_object_or_404(Product, slug=slug), read_quantity(request))
    return redirect("basket")


def read_quantity(request: HttpRequest) -> int:
    text = request.POST.get("quantity", "1")
    return int(text) if text.isdecimal() and len(text) < 6 else 1


@never_cache
def checkout(request: HttpRequest) -> HttpResponse:
    basket = Basket(request)
    if not basket:
        return redirect("basket")
    form = CheckoutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.instance.language = get_language()
        try:
            order = place_order(form.instance, basket)
        except OutOfStockError as error:
            messages.error(request, _("There is not enough of %s left.") % error.product.title)
            return redirect("basket")
        basket.clear()
        return redirect(order)
    return render(request, "orders/checkout.html", {"form": form})


@never_cache
def show_order(request: HttpRequest, token: str) -> HttpResponse:
    order = get_object_or_404(Order.objects.prefetch_related("lines__product"), token=token)
    response = render(request, "orders/order.html", {"order": order})
    if order.is_waiting:
        response["Refresh"] = REFRESH
    return response
