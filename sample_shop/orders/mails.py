"""Mails to customers, in the language in which they ordered."""

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from orders.models import Order


def send_order_mail(order: Order) -> None:
    """Mail the outcome of the order once. A crash between sending and saving may cause a second mail."""
    if order.mailed_at:
        return
    with translation.override(order.language):
        paid = order.status == Order.Status.PAID
        subject = _("Your order %s") if paid else _("Your payment for order %s was declined")
        context = {"order": order, "paid": paid, "url": settings.SHOP_URL + order.get_absolute_url()}
        message = EmailMultiAlternatives(
            subject % order.number, render_to_string("orders/mail/order.txt", context), to=[order.email]
        )
        message.attach_alternative(render_to_string("orders/mail/order.html", context), "text/html")
    message.send()
    order.mailed_at = timezone.now()
    order.save(update_fields=["mailed_at"])
