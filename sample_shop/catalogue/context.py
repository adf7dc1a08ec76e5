"""The part of the catalogue that every page shows."""

from typing import Any

from django.http import HttpRequest

from catalogue.models import Category


def navigation(_request: HttpRequest) -> dict[str, Any]:
    return {"categories": Category.objects.all()}
