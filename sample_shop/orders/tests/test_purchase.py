"""A purchase, from the basket to the mail."""

from decimal import Decimal
from unittest import mock

from django.core import mail
from django.http import HttpResponse
from django.test import TestCase

from catalogue.models import Category, Product
from djbundle.tasks import RetryAfter
from orders import gateway, tasks
from orders.basket import BasketLine
from orders.checkout import OutOfStockError, reserve
from orders.models import Order

FORM = {
    "email": "ada@example.org", "name": "Ada", "address": "Mill Lane 3", "postcode": "34117", "city": "Kassel",
    "country": "Germany", "card_number": "4242 4242 4242 4242",
}  # fmt: skip


class PurchaseTest(TestCase):
    def setUp(self) -> None:
        category = Category.objects.create(slug="kitchen", name="Kitchen")
        self.mug = Product.objects.create(
            sku="1", slug="mug", name="Mug", name_de="Becher", category=category, price=Decimal("24.90"), stock=3
        )
        self.charge = self.patch("charge", return_value=gateway.Charge("ch_1", succeeded=True))
        self.make_token = self.patch("make_token", return_value="tok_1")

    def patch(self, name: str, **behaviour: object) -> mock.Mock:
        return self.enterContext(mock.patch.object(gateway, name, **behaviour))

    def buy(self, quantity: int = 2, **headers: str) -> HttpResponse:
        self.client.post("/basket/add/mug/", {"quantity": quantity})
        return self.client.post("/checkout/", FORM, headers=headers)

    def work(self, order: Order) -> None:
        """Run the order's tasks as the worker does."""
        tasks.charge_order.call(order.pk)
        tasks.send_order_mail.call(order.pk)

    def test_a_purchase_takes_stock_and_money_once(self) -> None:
        response = self.buy()
        order = Order.objects.get()
        self.assertRedirects(response, order.get_absolute_url())
        self.assertEqual(Product.objects.get().stock, 1)
        self.work(order)
        self.work(order)
        self.charge.assert_called_once_with(order.token, Decimal("49.80"), "tok_1")
        self.assertEqual([message.subject for message in mail.outbox], [f"Your order {order.number}"])
        self.assertContains(self.client.get(order.get_absolute_url()), "Thank you, Ada!")

    def test_the_mail_is_in_the_language_of_the_order(self) -> None:
        self.buy(**{"Accept-Language": "de"})
        self.work(Order.objects.get())
        self.assertIn("Ihre Bestellung", mail.outbox[0].subject)
        self.assertIn("2 × Becher: 49,80", mail.outbox[0].body)

    def test_a_declined_card_gives_the_stock_back(self) -> None:
        self.charge.return_value = gateway.Charge("ch_1", succeeded=False)
        self.buy()
        self.work(Order.objects.get())
        self.assertEqual(Product.objects.get().stock, 3)
        self.assertIn("declined", mail.outbox[0].subject)

    def test_a_silent_gateway_leaves_the_order_waiting(self) -> None:
        self.charge.side_effect = gateway.GatewayError
        self.buy()
        with self.assertRaises(gateway.GatewayError):
            tasks.charge_order.call(Order.objects.get().pk)
        self.assertEqual(self.client.get(Order.objects.get().get_absolute_url())["Refresh"], "2")

    def test_a_busy_gateway_is_asked_again_when_it_says(self) -> None:
        self.charge.side_effect = gateway.GatewayBusyError(30)
        self.buy()
        with self.assertRaises(RetryAfter) as caught:
            tasks.charge_order.call(Order.objects.get().pk)
        self.assertEqual(caught.exception.delay, 30)

    def test_more_than_there_is_cannot_be_bought(self) -> None:
        self.assertRedirects(self.buy(quantity=4), "/basket/")
        self.assertFalse(Order.objects.exists())
        self.assertEqual(Product.objects.get().stock, 3)
        with self.assertRaises(OutOfStockError):
            reserve(BasketLine(self.mug, 4))

    def test_a_bad_card_number_is_told(self) -> None:
        self.make_token.side_effect = gateway.CardRejectedError
        self.assertContains(self.buy(), "This is not the number of a card.")

    def test_the_basket_changes_and_empties(self) -> None:
        self.client.post("/basket/add/mug/", {"quantity": "2"})
        self.assertContains(self.client.get("/basket/"), "€49.80")
        self.client.post("/basket/set/mug/", {"quantity": "0"})
        self.assertContains(self.client.get("/basket/"), "Your basket is empty.")
        self.assertRedirects(self.client.get("/checkout/"), "/basket/")

    def test_a_strange_quantity_is_one(self) -> None:
        self.client.post("/basket/add/mug/", {"quantity": "-5"})
        self.assertContains(self.client.get("/basket/"), "€24.90")
