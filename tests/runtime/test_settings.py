"""The settings overlay, rule by rule, on a settings module of the test's."""

import stat
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from djbundle.runtime import settings
from djbundle.runtime.bundle import Bundle
from djbundle.runtime.settings import Overlay
from djbundle.storages import HASHED_STORAGE


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    (tmp_path / "data").mkdir()
    manifest: Any = SimpleNamespace(name="shop", static_root="_static", interface="wsgi")
    return Bundle(tmp_path / "tree", manifest, "./shop", tmp_path / "data")


@pytest.fixture(autouse=True)
def _new_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """This interpreter's library may be older than a bundle's."""
    monkeypatch.setattr("djbundle.runtime.sqlite.check_version", lambda: None)


def overlay_of(bundle: Bundle, **values: object) -> Overlay:
    module = ModuleType("project_settings")
    vars(module).update(values)
    return Overlay(module, bundle, "serve")


def test_debug_is_turned_off(bundle: Bundle) -> None:
    overlay = overlay_of(bundle, DEBUG=True)
    settings.turn_off_debug(overlay)
    assert overlay.get("DEBUG") is False
    assert [change.setting for change in overlay.changes] == ["DEBUG"]


@pytest.mark.parametrize("key", ["", "django-insecure-abc"])
def test_insecure_key_is_replaced_once(bundle: Bundle, key: str) -> None:
    overlay = overlay_of(bundle, SECRET_KEY=key)
    settings.replace_secret_key(overlay)
    made = overlay.get("SECRET_KEY")
    assert len(made) >= 50
    again = overlay_of(bundle, SECRET_KEY=key)
    settings.replace_secret_key(again)
    assert again.get("SECRET_KEY") == made
    assert stat.S_IMODE((bundle.data / "secret_key").stat().st_mode) == 0o600


def test_own_key_is_kept(bundle: Bundle) -> None:
    overlay = overlay_of(bundle, SECRET_KEY="mine")
    settings.replace_secret_key(overlay)
    assert overlay.get("SECRET_KEY") == "mine"
    assert list(bundle.data.iterdir()) == []


def test_key_of_a_trial_is_the_same_at_each_start(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.TRIAL_VARIABLE, "1")
    keys = set()
    for key in ("made at random", "made again"):
        overlay = overlay_of(bundle, SECRET_KEY=key)
        settings.replace_secret_key(overlay)
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
    settings.allow_hosts(overlay)
    assert overlay.get("ALLOWED_HOSTS") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("{tree}/db.sqlite3", "{data}/db.sqlite3"),
        ("{tree}/var/db.sqlite3", "{data}/var/db.sqlite3"),
        ("db.sqlite3", "{data}/db.sqlite3"),
        ("/srv/db.sqlite3", "/srv/db.sqlite3"),
    ],
)
def test_sqlite_moves_to_the_data_directory(bundle: Bundle, name: str, expected: str) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": name.format(tree=bundle.root)}
    overlay = overlay_of(bundle, DATABASES={"default": database | {"OPTIONS": {"timeout": 3}}})
    settings.move_databases(overlay)
    changed = overlay.get("DATABASES")["default"]
    assert str(changed["NAME"]) == expected.format(data=bundle.data)
    assert changed["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert changed["OPTIONS"]["timeout"] == 3
    assert changed["CONN_MAX_AGE"] is None


def test_connection_age_that_is_set_stays(bundle: Bundle) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "CONN_MAX_AGE": 5}
    assert overlay_of(bundle, DATABASES={"default": database}).get("DATABASES")["default"]["CONN_MAX_AGE"] == 5


def test_other_databases_are_left_alone(bundle: Bundle) -> None:
    databases = {
        "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"},
        "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "OPTIONS": {"timeout": 1}},
    }
    overlay = overlay_of(bundle, DATABASES=databases)
    settings.move_databases(overlay)
    assert overlay.get("DATABASES")["default"] == databases["default"]
    assert overlay.get("DATABASES")["memory"]["NAME"] == ":memory:"


def test_files_move_to_the_data_directory(bundle: Bundle) -> None:
    overlay = overlay_of(
        bundle,
        MEDIA_ROOT=bundle.root / "media",
        EMAIL_FILE_PATH=bundle.root / "mails",
        MAILERS={"default": {"OPTIONS": {"file_path": bundle.root / "mails"}}, "other": {"BACKEND": "x"}},
        CACHES={"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "cache"}},
        LOGGING={"version": 1, "handlers": {"file": {"filename": bundle.root / "logs" / "shop.log"}, "other": {}}},
    )
    for rule in (
        settings.move_media,
        settings.move_folders,
        settings.move_mailers,
        settings.move_caches,
        settings.move_logs,
    ):
        rule(overlay)
    assert overlay.get("MEDIA_ROOT") == bundle.data / "media"
    assert overlay.get("EMAIL_FILE_PATH") == bundle.data / "mails"
    assert overlay.get("MAILERS") == {"default": {"OPTIONS": {"file_path": bundle.data / "mails"}}} | {
        "other": {"BACKEND": "x"}
    }
    assert overlay.get("CACHES")["default"]["LOCATION"] == str(bundle.data / "cache")
    assert overlay.get("LOGGING")["handlers"] == {"file": {"filename": bundle.data / "logs/shop.log"}, "other": {}}
    assert (bundle.data / "logs").is_dir()


def test_paths_stay_of_the_kind_that_they_were(bundle: Bundle) -> None:
    """A project may go on with either: ``settings.MEDIA_ROOT / "exports"``, ``settings.MEDIA_ROOT + "/exports"``."""
    for kind in (Path, str):
        overlay = overlay_of(bundle, MEDIA_ROOT=kind(bundle.root / "media"), STATIC_ROOT=kind(bundle.root / "static"))
        settings.move_media(overlay)
        settings.use_bundled_static_files(overlay)
        assert overlay.get("MEDIA_ROOT") == kind(bundle.data / "media")
        assert overlay.get("STATIC_ROOT") == kind(bundle.static_root)


def test_storage_with_a_folder_of_its_own(bundle: Bundle) -> None:
    options = {"location": str(bundle.root / "uploads"), "base_url": "/uploads/"}
    storages = {"default": {"BACKEND": "x", "OPTIONS": options}, "staticfiles": {"OPTIONS": {"location": "static"}}}
    overlay = overlay_of(bundle, STORAGES=storages)
    settings.move_storages(overlay)
    assert overlay.get("STORAGES")["default"]["OPTIONS"] == options | {"location": str(bundle.data / "uploads")}
    assert overlay.get("STORAGES")["staticfiles"] == {"OPTIONS": {"location": "static"}}
    assert options["location"] == str(bundle.root / "uploads")


def test_what_is_not_in_the_bundle_is_to_be_written(bundle: Bundle) -> None:
    (bundle.root / "fonts").mkdir(parents=True)
    index = {"default": {"ENGINE": "whoosh", "PATH": str(bundle.root / "index"), "LIMIT": 3}}
    fonts = {"REGULAR": bundle.root / "fonts"}
    overlay = overlay_of(
        bundle,
        PRIVATE_ROOT=bundle.root / "private",
        SEARCH=index,
        FONTS=fonts,
        STATICFILES_DIRS=[bundle.root / "absent"],
        ELSEWHERE="/srv/absent",
        TEXT="/djb",
        lower=bundle.root / "absent",
    )
    settings.move_absent(overlay)
    assert overlay.get("PRIVATE_ROOT") == bundle.data / "private"
    assert overlay.get("SEARCH") == {"default": index["default"] | {"PATH": str(bundle.data / "index")}}
    assert [change.setting for change in overlay.changes] == ["PRIVATE_ROOT", "SEARCH"]
    assert overlay.get("FONTS") is fonts


def test_relative_folders_are_those_of_the_project(bundle: Bundle) -> None:
    engines = [{"DIRS": ["templates", Path("more"), "/srv/t"], "APP_DIRS": True}, {"BACKEND": "x"}]
    static = ["assets", ("vendor", "node_modules")]
    overlay = overlay_of(
        bundle, TEMPLATES=engines, LOCALE_PATHS=("locale",), FIXTURE_DIRS=["/srv/f"], STATICFILES_DIRS=static
    )
    settings.anchor_folders(overlay)
    root = bundle.root
    assert overlay.get("TEMPLATES") == [
        {"DIRS": [f"{root}/templates", root / "more", "/srv/t"], "APP_DIRS": True},
        {"BACKEND": "x"},
    ]
    assert overlay.get("LOCALE_PATHS") == [f"{root}/locale"]
    assert overlay.get("STATICFILES_DIRS") == [f"{root}/assets", ("vendor", f"{root}/node_modules")]
    assert [change.setting for change in overlay.changes] == ["LOCALE_PATHS", "STATICFILES_DIRS", "TEMPLATES"]


def test_errors_are_shown_unless_the_project_logs(bundle: Bundle) -> None:
    silent, own = overlay_of(bundle), overlay_of(bundle, LOGGING={"version": 1})
    settings.show_errors(silent)
    settings.show_errors(own)
    assert "root" in silent.get("LOGGING")
    assert own.get("LOGGING") == {"version": 1}


def test_static_files_come_from_the_bundle(bundle: Bundle) -> None:
    overlay = overlay_of(
        bundle, MIDDLEWARE=["django.middleware.common.CommonMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware"]
    )
    settings.use_bundled_static_files(overlay)
    assert overlay.get("STATIC_ROOT") == str(bundle.static_root)
    assert overlay.get("STORAGES")["staticfiles"]["BACKEND"] == HASHED_STORAGE
    assert overlay.get("MIDDLEWARE") == ["django.middleware.common.CommonMiddleware"]


def test_own_static_storage_is_kept(bundle: Bundle) -> None:
    storages = {"staticfiles": {"BACKEND": "storages.backends.s3.S3Storage"}}
    overlay = overlay_of(bundle, STORAGES=storages)
    settings.use_bundled_static_files(overlay)
    assert overlay.get("STORAGES") == storages


def test_trial_writes_nothing_elsewhere(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.TRIAL_VARIABLE, "1")
    overlay = overlay_of(
        bundle,
        CACHES={"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/var/c"}},
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/shop/db.sqlite3"},
            "orders": {"ENGINE": "django.db.backends.postgresql", "NAME": "orders"},
        },
        LOGGING={"handlers": {"file": {"filename": "/var/log/shop/errors.log"}}},
        MEDIA_ROOT="/srv/media",
    )
    for rule in (settings.stay_in_data_directory, settings.move_databases, settings.move_media, settings.move_logs):
        rule(overlay)
    settings.move_caches(overlay)
    outside = bundle.data / "outside"
    databases = overlay.get("DATABASES")
    assert databases["default"]["NAME"] == str(outside / "var/lib/shop/db.sqlite3")
    assert databases["orders"]["NAME"] == str(bundle.data / "orders.sqlite3")
    assert overlay.get("DJBUNDLE_ENGINES") == {"django.db.backends.sqlite3", "django.db.backends.postgresql"}
    assert overlay.get("MEDIA_ROOT") == str(outside / "srv/media")
    assert overlay.get("CACHES")["default"]["LOCATION"] == str(outside / "var/c")
    assert overlay.get("LOGGING")["handlers"]["file"]["filename"] == str(outside / "var/log/shop/errors.log")
    assert (outside / "var/log/shop").is_dir()


@pytest.mark.parametrize("is_there", [True, False])
def test_temporary_files_of_a_container_without_tmp(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_there: bool
) -> None:
    temporary = tmp_path / "tmp"
    monkeypatch.setattr(settings, "TEMPORARY", temporary)
    if is_there:
        temporary.mkdir()
    location = temporary / "cache"
    moved = overlay_of(bundle).moved(location)
    assert moved == (None if is_there else bundle.data / "outside" / location.relative_to("/"))
