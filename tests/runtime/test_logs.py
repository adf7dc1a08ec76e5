"""The formats of log lines, and what is masked in them."""

import json
import os
import time

import pytest

from djbundle.runtime.logs import lines, masking
from djbundle.runtime.logs.formats import FORMATS, Line, for_people

LINE = Line(1_700_000_000.25, "warning", "shop", 'a "quoted"\nword', {"ms": 1.5, "path": "/a b"}, "Traceback\n  last")


def test_logfmt() -> None:
    assert FORMATS["logfmt"](LINE) == (
        'time=2023-11-14T22:13:20.250Z level=warning source=shop msg="a \\"quoted\\"\\nword" ms=1.5 path="/a b" '
        'trace="Traceback\\n  last"'
    )


def test_json() -> None:
    fields = json.loads(FORMATS["json"](LINE))
    assert (fields["msg"], fields["ms"], fields["trace"]) == (LINE.message, 1.5, LINE.trace)


def test_text_has_one_line_but_for_tracebacks() -> None:
    assert FORMATS["text"](LINE).splitlines() == [
        '2023-11-14T22:13:20.250Z WARNING shop: a "quoted"\\x0aword  ms=1.5 path="/a b"',
        "    Traceback",
        "      last",
    ]


def test_journald_reads_a_priority_from_each_line() -> None:
    assert [line[:3] for line in FORMATS["journal"](LINE).splitlines()] == ["<4>"] * 3


def test_colour_is_a_choice() -> None:
    assert "\033" in for_people(LINE, colour=True)
    assert "\033" not in for_people(LINE, colour=False)


def test_one_clock_for_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django sets the project's TIME_ZONE for the process that loads the site, and not for its supervisor."""
    before = for_people(LINE, colour=False)
    try:
        for zone in ("Pacific/Auckland", "America/Lima"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert for_people(LINE, colour=False) == before
    finally:
        monkeypatch.undo()
        time.tzset()


SETTINGS = {
    "SECRET_KEY": "key-of-the-site",
    "DATABASES": {"default": {"PASSWORD": "open sesame", "USER": "shop", "HOST": "localhost"}},
    "CACHE_URL": "redis://:redis-password@cache:6379/1",
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.ScryptPasswordHasher"],
    "TOKEN_MODEL": "authtoken.Token",
    "API_KEYS": ["first-api-key", "second-api-key"],
    "SECRET_SHORT": "short",
    "STATIC_URL": "/static/",
}


def test_secrets_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"STRIPE_SECRET": "sk_live_1234567", "HOME": "/home/shop-owner"})
    masking.learn(SETTINGS)
    try:
        for secret in ("key-of-the-site", "open sesame", "redis-password", "second-api-key", "sk_live_1234567"):
            assert masking.mask(f"before {secret} behind") == "before ******** behind"
        for harmless in ("django.contrib.auth.hashers.ScryptPasswordHasher", "authtoken.Token", "short", "localhost"):
            assert masking.mask(harmless) == harmless
    finally:
        monkeypatch.undo()
        masking.learn({})


@pytest.mark.parametrize("form", FORMATS)
def test_webhooks_in_each_format(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are masked in the message, in a field, and in a traceback."""
    path = "T0AAAAAAA/B0AAAAAAA/abcdefghijklmnopqrstuvwx"
    url = f"https://hooks.slack.com/services/{path}"
    monkeypatch.setattr(os, "environ", {"ALERTS": url})
    monkeypatch.setattr(lines, "chosen_format", form)
    monkeypatch.setattr(masking, "_known", None)
    masking.learn_environment()
    lines.write("error", "shop", f"POST {url} failed", {"path": f"/services/{path}"}, f"Traceback\n  {url}")
    output = capsys.readouterr().err
    assert path not in output
    assert output.count(masking.MASK) == 3
