"""django-allauth with two social providers and two factors."""

import email
import email.policy
import re

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "allauth",
    ("django", "django-allauth[mfa,socialaccount]"),
    starts=("django-admin startproject members .",),
    settings="members/settings.py",
    pages=("/accounts/login/",),
)


def test_sign_up_and_confirm(site: Site, visitor: Customer) -> None:
    password = "correct horse battery"
    answer = visitor.post(
        "/accounts/signup/", "/accounts/signup/", email="ada@shop.example", password1=password, password2=password
    )
    assert "confirm-email" in answer.url
    mail = next((site.data / "mails").iterdir()).read_bytes()
    text = email.message_from_bytes(mail, policy=email.policy.default).get_content()
    confirmation = re.search(r"/accounts/confirm-email/\S+/", text)
    assert confirmation
    assert "ada@shop.example" in visitor.get(confirmation[0]).text


def test_second_factor_is_drawn(site: Site) -> None:
    """The package that draws it is imported only when a picture is needed."""
    draw = "from allauth.mfa.adapter import get_adapter; print(get_adapter().build_totp_svg('otpauth://totp/ada'))"
    assert "<svg" in site.shell(draw)


def test_providers_are_offered(visitor: Customer) -> None:
    page = visitor.get("/accounts/login/").text
    assert "/accounts/github/login/" in page
    assert "/accounts/google/login/" in page
