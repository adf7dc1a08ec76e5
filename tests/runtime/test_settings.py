"""The settings overlay, rule by rule, on a settings module of the test."""

import stat
from pathlib import Path

import pytest

from djbundle.contract import variables
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.settings import rules
from djbundle.storages import HASHED_STORAGE
from tests.runtime.overlays import make_bundle, overlay_of


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return make_bundle(tmp_path, monkeypatch)


def test_debug_is_turned_off(bundle: Bundle) -> None:
    overlay = overlay_of(bundle, DEBUG=True)
    rules.turn_off_debug(overlay)
    assert overlay.get("DEBUG") is False
    assert [change.setting for change in overlay.changes] == ["DEBUG"]


@pytest.mark.parametrize("key", ["", "django-insecure-abc"])
def test_insecure_key_is_replaced_once(bundle: Bundle, key: str) -> None:
    overlay = overlay_of(bundle, SECRET_KEY=key)
    rules.replace_secret_key(overlay)
    made = overlay.get("SECRET_KEY")
    assert len(made) >= 50
    again = overlay_of(bundle, SECRET_KEY=key)
    rules.replace_secret_key(again)
    assert again.get("SECRET_KEY") == made
    assert stat.S_IMODE((bundle.data / "secret_key").stat().st_mode) == 0o600


def test_config_tells_of_the_key_and_makes_none(bundle: Bundle) -> None:
    before, made, after = (overlay_of(bundle, SECRET_KEY="") for _ in range(3))
    before.command = after.command = "config"
    rules.replace_secret_key(before)
    assert not list(bundle.data.iterdir())
    assert "the first start makes another" in before.changes[0].reason
    rules.replace_secret_key(made)
    rules.replace_secret_key(after)
    assert after.changes == made.changes


def test_own_key_is_kept(bundle: Bundle) -> None:
    overlay = overlay_of(bundle, SECRET_KEY="mine")
    rules.replace_secret_key(overlay)
    assert overlay.get("SECRET_KEY") == "mine"
    assert list(bundle.data.iterdir()) == []


def test_key_of_a_trial_is_the_same_at_each_start(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.VERIFY_MODE, "1")
    keys = set()
    for key in ("made at random", "made again"):
        overlay = overlay_of(bundle, SECRET_KEY=key)
        rules.replace_secret_key(overlay)
        keys.add(overlay.get("SECRET_KEY"))
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("named", "own", "expected"),
    [
        ("", [], ["localhost", "127.0.0.1", "[::1]"]),
        ("", ["shop.example"], ["shop.example"]),
        ("a.example, b.example", ["shop.example"], ["shop.example", "a.example", "b.example"]),
        ("a.example", [], ["a.example"]),
    ],
)
def test_hosts(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, named: str, own: list[str], expected: list[str]
) -> None:
    monkeypatch.setenv("DJBUNDLE_ALLOWED_HOSTS", named)
    overlay = overlay_of(bundle, ALLOWED_HOSTS=own)
    rules.allow_hosts(overlay)
    assert overlay.get("ALLOWED_HOSTS") == expected


def test_errors_are_shown_unless_the_project_logs(bundle: Bundle) -> None:
    silent, own = overlay_of(bundle), overlay_of(bundle, LOGGING={"version": 1})
    rules.show_errors(silent)
    rules.show_errors(own)
    assert "root" in silent.get("LOGGING")
    assert own.get("LOGGING") == {"version": 1}


def test_static_files_come_from_the_bundle(bundle: Bundle) -> None:
    overlay = overlay_of(
        bundle, MIDDLEWARE=["django.middleware.common.CommonMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware"]
    )
    rules.use_bundled_static_files(overlay)
    assert overlay.get("STATIC_ROOT") == str(bundle.static_root)
    assert overlay.get("STORAGES")["staticfiles"]["BACKEND"] == HASHED_STORAGE
    assert overlay.get("MIDDLEWARE") == ["django.middleware.common.CommonMiddleware"]


def test_own_static_storage_is_kept(bundle: Bundle) -> None:
    storages = {"staticfiles": {"BACKEND": "storages.backends.s3.S3Storage"}}
    overlay = overlay_of(bundle, STORAGES=storages)
    rules.use_bundled_static_files(overlay)
    assert overlay.get("STORAGES") == storages
