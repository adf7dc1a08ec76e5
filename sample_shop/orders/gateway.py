"""The client of the payment gateway."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings


class GatewayError(Exception):
    """The gateway did not answer, or its answer does not show what happened. The same request may be sent again."""


class GatewayBusyError(GatewayError):
    """The gateway is busy. The request may be sent again after `delay` seconds, not before."""

    def __init__(self, delay: int) -> None:
        super().__init__(f"the gateway is busy for {delay} s")
        self.delay = delay


class CardRejectedError(Exception):
    """The number is not a card number."""


@dataclass(frozen=True)
class Charge:
    id: str
    succeeded: bool


def make_token(card_number: str) -> str:
    """Exchange a card number, which we never store, for a token that only the gateway can use."""
    return str(_post("/tokens", {"card": card_number})["token"])


def charge(order_token: str, amount: Decimal, card_token: str) -> Charge:
    """Charge the card. Safe to repeat: the order's token is the idempotency key, so the money is taken only once."""
    order = {"amount": str(amount), "currency": settings.CURRENCY, "token": card_token}
    answer = _post("/charges", order, {"Idempotency-Key": order_token})
    return Charge(answer["id"], answer["status"] == "succeeded")


def _post(path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - the address comes from the settings
        settings.PAYMENT_GATEWAY_URL + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=settings.PAYMENT_GATEWAY_TIMEOUT) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 422:
                raise CardRejectedError from error
            delay = error.headers["Retry-After"] or ""
            if error.code in (429, 503) and delay.isdecimal():
                raise GatewayBusyError(int(delay)) from error
            raise GatewayError(f"the gateway answered {error.code}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise GatewayError(f"the gateway did not answer: {error}") from error
