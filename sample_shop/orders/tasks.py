"""The tasks that follow after an order was placed."""

from django.db import transaction
from django.tasks import task

from djbundle.tasks import RetryAfter
from orders import gateway, mails
from orders.models import Order


@task(max_attempts=10, backoff=1, priority=20)
def charge_order(order_id: int) -> str:
    """Charge the card, and return the order's new status. If the gateway does not answer, the charge is retried."""
    order = Order.objects.get(pk=order_id)
    if not order.is_waiting:
        return order.status
    try:
        charge = gateway.charge(order.token, order.total, order.card_token)
    except gateway.GatewayBusyError as busy:
        raise RetryAfter(busy.delay) from busy
    with transaction.atomic():
        settle(order, charge)
        send_order_mail.enqueue(order.pk)
    return order.status


def settle(order: Order, charge: gateway.Charge) -> None:
    from orders.checkout import give_back_stock  # noqa: PLC0415 - it imports this module

    order.charge_id = charge.id
    order.status = Order.Status.PAID if charge.succeeded else Order.Status.DECLINED
    order.save(update_fields=["charge_id", "status"])
    if not charge.succeeded:
        give_back_stock(order)


@task(max_attempts=8, backoff=2, priority=10)
def send_order_mail(order_id: int) -> None:
    """Mail that the order is confirmed, or that its payment was declined."""
    mails.send_order_mail(Order.objects.get(pk=order_id))
