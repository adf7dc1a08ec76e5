"""Pages of the catalogue."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from catalogue import front_page
from catalogue.models import Category, Product, ProductQuerySet

PAGE_SIZE = 12


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "catalogue/home.html", {"page": front_page.load()})


def category(request: HttpRequest, slug: str) -> HttpResponse:
    chosen = get_object_or_404(Category, slug=slug)
    return _list(request, chosen.title, Product.objects.on_sale().filter(category=chosen), {"chosen": chosen})


def search(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()
    products = Product.objects.search(words) if words else Product.objects.none()
    heading = _("Results for “%s”") % words if words else _("What are you looking for?")
    return _list(request, heading, products, {"words": words})


def product(request: HttpRequest, slug: str) -> HttpResponse:
    chosen = get_object_or_404(Product.objects.on_sale(), slug=slug)
    related = Product.objects.on_sale().filter(category=chosen.category).exclude(pk=chosen.pk)[:4]
    return render(request, "catalogue/product.html", {"product": chosen, "related": related})


def _list(request: HttpRequest, heading: str, products: ProductQuerySet, more: dict[str, object]) -> HttpResponse:
    page = Paginator(products, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "catalogue/list.html", {"heading": heading, "page": page, **more})
