"""A purchase from the first page to the mail, with a gateway that sometimes misbehaves."""

import pytest

from tests.support.customer import Customer, first_product
from tests.support.mailbox import text_of
from tests.support.outside import Outside
from tests.support.site import Site
from tests.support.waiting import wait_until


def pay(customer: Customer, email: str, card: str = "4242 4242 4242 4242") -> str:
    """Buy the first product; return the address of the order's page."""
    order = customer.buy(first_product(customer.get("/")), email, card)
    assert order.status == 200
    assert "/order/" in order.url
    return order.url


def wait_for_status(customer: Customer, order: str, status: str) -> str:
    """Return the text of the order's page once the order has that status."""
    return wait_until(
        lambda: text if f"status-{status}" in (text := customer.get(order).text) else "", f"the order is {status}"
    )


def test_purchase_ends_with_a_mail(customer: Customer, outside: Outside) -> None:
    order = pay(customer, "ada@example.com")
    text = wait_for_status(customer, order, "paid")
    mail = outside.mailbox.wait("ada@example.com")
    number = str(mail["Subject"]).removeprefix("Your order ")
    assert number in text
    assert number in text_of(mail)
    assert "ada@example.com" in str(mail["To"])


def test_declined_card_gives_back_the_stock(customer: Customer, outside: Outside) -> None:
    order = pay(customer, "declined@example.com", "4000 0000 0000 0002")
    wait_for_status(customer, order, "declined")
    assert "declined" in text_of(outside.mailbox.wait("declined@example.com"))


@pytest.mark.parametrize("mode", ["fail", "busy", "timeout", "twice"])
def test_misbehaving_gateway_charges_once(customer: Customer, outside: Outside, mode: str) -> None:
    before = len(outside.gateway.charges())
    outside.gateway.misbehave(mode)
    order = pay(customer, f"{mode}@example.com")
    wait_for_status(customer, order, "paid")
    outside.mailbox.wait(f"{mode}@example.com")
    assert len(outside.gateway.charges()) == before + 1
    assert len(outside.mailbox.to(f"{mode}@example.com")) == 1


def test_order_page_is_secret(customer: Customer) -> None:
    assert customer.get("/order/guessed/").status == 404


def test_german_customer_gets_a_german_mail(open_shop: Site, outside: Outside) -> None:
    customer = Customer(open_shop.url)
    customer.post("/i18n/setlang/", "/", language="de", next="/")
    pay(customer, "greta@example.com")
    assert "Ihre Bestellung" in str(outside.mailbox.wait("greta@example.com")["Subject"])
