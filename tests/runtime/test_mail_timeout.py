"""Mail has a time limit, unless the project sets one."""

from pathlib import Path
from typing import Any

import pytest

from djbundle.common.backends import SMTP
from djbundle.runtime.settings.mail_timeout import TIMEOUT, limit_mail_time
from tests.runtime.overlays import make_bundle, overlay_of

FILES = (
    "django.core.mail.backends.filebased.EmailBackend"  # it knows no timeout, and Django refuses what it does not know
)


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({"EMAIL_HOST": "mail"}, "EMAIL_TIMEOUT", TIMEOUT),
        ({"EMAIL_HOST": "mail", "EMAIL_TIMEOUT": 3}, "EMAIL_TIMEOUT", 3),
        ({}, "EMAIL_TIMEOUT", None),
        (
            {"MAILERS": {"default": {"BACKEND": SMTP, "OPTIONS": {"host": "mail"}}}},
            "MAILERS",
            {"default": {"BACKEND": SMTP, "OPTIONS": {"host": "mail", "timeout": TIMEOUT}}},
        ),
        ({"MAILERS": {"default": {"BACKEND": "shop.Mail"}}}, "MAILERS", {"default": {"BACKEND": "shop.Mail"}}),
        ({"MAILERS": {"default": {"BACKEND": FILES}}}, "MAILERS", {"default": {"BACKEND": FILES}}),
        ({"MAILERS": {"a": {"OPTIONS": {"timeout": 3}}}}, "MAILERS", {"a": {"OPTIONS": {"timeout": 3}}}),
    ],
)
def test_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], name: str, expected: object
) -> None:
    before = {key: str(value) for key, value in settings.items()}
    overlay = overlay_of(make_bundle(tmp_path, monkeypatch), **settings)
    limit_mail_time(overlay)
    assert overlay.get(name) == expected
    assert {key: str(value) for key, value in settings.items()} == before, "the project's own values stay"
