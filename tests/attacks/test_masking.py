"""Secrets of the settings and the environment appear in no log, no error mail and no command's output."""

import os
import re
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import global_settings
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from djbundle.builder.contents.secret_contents import likely_secret_in
from djbundle.common.token_shapes import TOKEN_SHAPES, TokenShape
from djbundle.runtime.logs.masking import MASK, hide, pattern_for
from djbundle.runtime.logs.secret_values import PLAIN, secrets_in
from tests.conftest import NewSite
from tests.support.site import Site

NAMES = (
    *("SENTRY_DSN", "AWS_SECRET_ACCESS_KEY", "STRIPE_KEY", "DB_PASS", "DB_PWD", "EMAIL_HOST_PASSWORD", "MYSQL_PASSWD"),
    *("REDIS_AUTH", "HASHID_SALT", "apiKey", "client_secret", "SSH_PASSPHRASE", "FIELD_ENCRYPTION_KEYS", "GH_TOKEN"),
    *("SECRET_KEY_FALLBACKS", "ACME-EAB-HMAC-KEY", "DB_PASS2", "GOOGLE_CREDENTIALS", "PGPASSWORD", "KEY"),
)
HARMLESS = {
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.ScryptPasswordHasher"],
    "TOKEN_MODEL": "authtoken.Token",
    "AUTH_USER_MODEL": "accounts.User",
    "PASSWORD_RESET_TIMEOUT": "259200",
    "CSRF_COOKIE_NAME": "csrftoken",
    "CSRF_HEADER_NAME": "HTTP_X_CSRFTOKEN",
    "TLS_PRIVATE_KEY": "/etc/ssl/private",
    "USE_TOKEN": "true",
    "PWD": os.getcwd(),  # noqa: PTH109 - as the shell has it
    "PASSWORD_RESET_URL": "https://shop.example/reset",
    "STATIC_URL": "/static/",
    "SITE": "https://shop.example:8000/path/@user",
    "KEYBOARD": "qwertyuiop",
    "WEBHOOK_URL": "https://shop.example/webhooks/stripe/of-the-whole-site/",
    "WEBHOOK_PATH": "webhooks/stripe/payment-notifications",
    "WEBHOOK_HANDLER": "ShopWebhookHandlerOfPayments",
    "WEBHOOK_PORT": "8443",
    "HOOK_HOST": "2001-0db8-0000.example",
    "ARTICLE": "risk-assessment-of-everything-that-there-is-in-2026",
    "MONKEY": "bananas and more",
}
KEY = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3\n-----END PRIVATE KEY-----\n"
)
SHAPES = {  # the value, and what must not be seen of it
    "postgres://shop:open-sesame@db/shop": "open-sesame",
    "postgres://shop:p%40ss%2Fword1@db/shop": "p@ss/word1",
    "postgres://shop:p@ss:word@db/shop": "p@ss:word",
    "postgres://shop:pa/ss?word@db/shop": "pa/ss?word",
    "postgres://shop:pa[ssword@db/shop": "pa[ssword",
    "redis://:first-one@a:1/0,redis://:second-one@b:1/0": "second-one",
    "mongodb://shop:open-sesame@a,b,c/shop?replicaSet=x": "open-sesame",
    "https://0123456789abcdef0123@o1.ingest.example/42": "0123456789abcdef0123",
    "https://gateway.example/?account=7&api_key=open-sesame": "open-sesame",
    "host=db user=shop password='open \\'sesame\\'' dbname=shop": "open 'sesame'",
    "Server=db;Database=shop;Uid=shop;Pwd=open-sesame;": "open-sesame",
    "DefaultEndpointsProtocol=https;AccountKey=b3BlbiBzZXNhbWU=;": "b3BlbiBzZXNhbWU=",
    KEY: "MC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX": (
        "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
    ),
    "authorization=Bearer%200a1b2c3d4e5f": "0a1b2c3d4e5f",
    "AGE-SECRET-KEY-1" + "Q" * 58: "AGE-SECRET-KEY-1" + "Q" * 58,
    KEY.replace("KEY-----", "KEY BLOCK-----"): "MC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3",
    "sk_live_0123456789abcdef": "sk_live_0123456789abcdef",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
}


def masked(text: str, **named: Any) -> str:
    pattern = pattern_for(secrets_in(named))
    return pattern.sub(MASK, text) if pattern else text


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets(name: str) -> None:
    for value in ("correct.horse-battery", "correct.horse", "/8fj3k+Hd02kfQ=", b"correct.horse-battery"):
        text = value if isinstance(value, str) else value.decode()
        assert masked(f"before {text} behind", **{name: value}) == f"before {MASK} behind"
        assert text not in masked(f"before {text} behind", LIST=[{"DEEP": ({name: [value]},)}])
        if isinstance(value, str):
            assert hide(name, value) == MASK


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_secret(name: str) -> None:
    value = HARMLESS[name]
    text = value if isinstance(value, str) else value[0]
    assert masked(f"before {text} behind", **{name: value}) == f"before {text} behind"
    assert hide(name, value) == value


@pytest.mark.parametrize("value", SHAPES, ids=lambda value: value[:24])
@pytest.mark.parametrize("name", ["PLACE", "LOCATION"])
def test_shapes_of_secrets(name: str, value: str) -> None:
    secret = SHAPES[value]
    for text in (secret, f"x{secret}x", repr(secret), f"FATAL: {secret}\n", f"?a={quote(secret)}"):
        assert secret not in masked(text, **{name: value})
        assert quote(secret) not in masked(text, **{name: value})
    shown = hide(name, value)
    assert secret not in shown
    assert shown != value


@pytest.mark.parametrize("shape", TOKEN_SHAPES, ids=lambda shape: f"{shape.what} {shape.mark}")
@settings(max_examples=5, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_builder_and_log_know_the_same_tokens(shape: TokenShape, data: st.DataObject) -> None:
    """The log masks every token that a bundle must not contain."""
    pattern = re.compile(shape.pattern, re.ASCII)
    token = data.draw(st.from_regex(pattern, fullmatch=True))
    match = pattern.fullmatch(token)
    assert match
    assert shape.mark in token
    assert pattern.groups <= 1
    secret = match[pattern.groups]
    assert likely_secret_in(f"it is {token}\n".encode())
    assert secret not in masked(f"before {secret} behind", PLACE=token)
    assert secret not in hide("PLACE", token)


HOOKS = {
    "SLACK_WEBHOOK_URL": "https://hooks.example/0a1b2c3d4e5f6a7b8c9d",
    "DEPLOY_HOOK": "https://api.example/deploy/srv-1?x=AbCdEfGhIjKlMnOpQr",
    "WEBHOOK_PATH": "incoming/0a1b2c3d4e5f6a7b8c9d/",
    "GITHUB_WEBHOOK": "0a1b2c3d4e5f6a7b8c9d",
}


@pytest.mark.parametrize("name", HOOKS)
def test_addresses_that_let_in_whoever_knows_them(name: str) -> None:
    value = HOOKS[name]
    secret = re.findall(r"\w{17,}", value)[0]
    assert secret not in masked(f"POST {value} and {secret}", **{name: value})
    assert secret not in hide(name, value)
    assert hide("PLACE", value) == value  # nothing else shows that it is a secret


def test_settings_of_django_are_no_secrets() -> None:
    named = {name: getattr(global_settings, name) for name in dir(global_settings) if name.isupper()}
    assert not any(secrets_in(named))


# The mask consists of asterisks; and passwords shorter than eight characters are another test's.
PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*"), min_size=8, max_size=24)


@given(PASSWORDS, st.text("ab/", max_size=4))
def test_any_password_in_any_url(password: str, path: str) -> None:
    """The password is masked both as it is quoted in the URL and unquoted."""
    url = f"postgres://shop:{quote(password, safe='')}@db:5432/{path}"
    output = masked(f"connection to {url} failed: password was ({password})", DATABASE=url)
    assert password not in output
    assert quote(password, safe="") not in output


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=7))
def test_short_passwords_are_in_no_word(password: str) -> None:
    """The log stays readable, and the masked places do not reveal the password."""
    assume(password not in PLAIN)
    text = f"GET /x{password}/ served {password}x and /{password}/ by x-{password}"
    assert masked(text, DB_PASS=password, DATABASE=f"postgres://u:{password}@db/x") == text
    assert masked(f"password='{password}'", DB_PASS=password) == f"password='{MASK}'"


def test_short_passwords_that_are_no_common_words() -> None:
    assert masked("the password hunter2 is wrong", DB_PASS="hunter2") == f"the password {MASK} is wrong"
    assert masked("serving shop in /srv/shop", DB_PASS="shop") == "serving shop in /srv/shop"


SENSITIVE = {
    "BROKER": "amqp://shop:open-sesame@mq/",
    "DB_PWD": "correct.horse",
    "SENTRY_DSN": "https://k3y-of-sentry@x/1",
}
REPORT = """
import sys
from django.views.debug import ExceptionReporter
from django.conf import settings
settings.BROKER_OF_SHOP = {broker!r}
try:
    secret = "local correct.horse"
    raise ValueError("amqp://shop:open-sesame@mq/ is down")
except ValueError:
    reporter = ExceptionReporter(None, *sys.exc_info())
    print(reporter.get_traceback_text(), reporter.get_traceback_html())
"""


@pytest.fixture
def secretive(new_small: NewSite) -> Site:
    return new_small(**SENSITIVE)


def test_error_mails(secretive: Site) -> None:
    output = secretive.shell(REPORT.format(broker=SENSITIVE["BROKER"]))
    assert "BROKER_OF_SHOP" in output
    assert "is down" in output
    for secret in ("open-sesame", "correct.horse", "k3y-of-sentry"):
        assert secret not in output


def test_traceback_of_a_command(secretive: Site) -> None:
    failed = secretive.run("shell", "-v0", "-c", "raise ValueError('it was ' + 'correct' + '.horse')", check=False)
    assert f"ValueError: it was {MASK}" in failed.stderr
    assert "correct.horse" not in failed.stderr


def test_settings_that_fail_with_a_secret(secretive: Site) -> None:
    """The import error is shown, and quotes the name that could not be imported."""
    secretive.environment["DJANGO_SETTINGS_MODULE"] = "correct.horse"
    refused = secretive.run("check", check=False)
    assert refused.returncode == 12
    assert "correct.horse" not in refused.stderr
