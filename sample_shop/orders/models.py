"""Orders and their lines, with the prices at the time of the order."""

import secrets
from decimal import Decimal

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalogue.models import Product


def make_token() -> str:
    """Return the secret part of an order's URL. Anyone with the URL may see the order."""
    return secrets.token_urlsafe(16)


class Order(models.Model):
    class Status(models.TextChoices):
        PLACED = "placed", _("waiting for payment")
        PAID = "paid", _("paid")
        DECLINED = "declined", _("payment declined")
        SHIPPED = "shipped", _("shipped")

    token = models.CharField(max_length=32, unique=True, default=make_token, editable=False)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.PLACED)
    language = models.CharField(_("language"), max_length=5)
    email = models.EmailField(_("e-mail"))
    name = models.CharField(_("name"), max_length=100)
    address = models.CharField(_("street and number"), max_length=200)
    postcode = models.CharField(_("postcode"), max_length=12)
    city = models.CharField(_("city"), max_length=100)
    country = models.CharField(_("country"), max_length=60)
    total = models.DecimalField(_("total"), max_digits=10, decimal_places=2, default=Decimal(0))
    card_token = models.CharField(max_length=64, editable=False)
    charge_id = models.CharField(_("charge"), max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(_("ordered"), auto_now_add=True)
    mailed_at = models.DateTimeField(_("confirmation sent"), null=True, editable=False)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("order", args=[self.token])

    @property
    def number(self) -> str:
        """The number for customers: "HO-2026-00042"."""
        return f"HO-{self.created_at:%Y}-{self.pk:05}"

    @property
    def is_waiting(self) -> bool:
        return self.status == self.Status.PLACED


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="lines", verbose_name=_("product"))
    name = models.CharField(_("name"), max_length=120)
    price = models.DecimalField(_("price"), max_digits=8, decimal_places=2)
    quantity = models.PositiveIntegerField(_("quantity"))

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def total(self) -> Decimal:
        return self.price * self.quantity
