"""The shop's format for amounts of money."""

from decimal import Decimal

from django import template
from django.utils.formats import number_format
from django.utils.translation import get_language

register = template.Library()


@register.filter
def money(amount: Decimal) -> str:
    """Format an amount in euros: "€24.90", in German "24,90 €"."""
    number = number_format(amount, decimal_pos=2, force_grouping=True)
    return f"{number}\N{NO-BREAK SPACE}€" if (get_language() or "").startswith("de") else f"€{number}"
