"""Paths in settings: those that are written to move to the data directory, those that are read stay."""

from pathlib import Path

import pytest

from djbundle import stand_ins
from djbundle.contract import variables
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.settings import overlay as overlay_module
from djbundle.runtime.settings import relocation, rules, verify_mode
from tests.runtime.overlays import make_bundle, overlay_of


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return make_bundle(tmp_path, monkeypatch)


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
    relocation.move_databases(overlay)
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
    relocation.move_databases(overlay)
    assert overlay.get("DATABASES")["default"] == databases["default"]
    assert overlay.get("DATABASES")["memory"]["NAME"] == ":memory:"


def test_files_move_to_the_data_directory(bundle: Bundle) -> None:
    overlay = overlay_of(
        bundle,
        MEDIA_ROOT=bundle.root / "media",
        EMAIL_FILE_PATH=bundle.root / "mails",
        MAILERS={"default": {"OPTIONS": {"file_path": bundle.root / "mails"}}, "other": {"BACKEND": "x"}},
        CACHES={"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "cache"}},
        LOGGING={
            "version": 1,
            "handlers": {
                "file": {"filename": bundle.root / "logs" / "shop.log"},
                "bytes": {"filename": b"logs/bytes.log"},
                "named": {"filename": "ext://shop.settings.LOG_FILE"},
                "other": {},
            },
        },
    )
    for rule in (
        relocation.move_media,
        relocation.move_folders,
        relocation.move_mailers,
        relocation.move_caches,
        relocation.move_logs,
    ):
        rule(overlay)
    assert overlay.get("MEDIA_ROOT") == bundle.data / "media"
    assert overlay.get("EMAIL_FILE_PATH") == bundle.data / "mails"
    assert overlay.get("MAILERS") == {"default": {"OPTIONS": {"file_path": bundle.data / "mails"}}} | {
        "other": {"BACKEND": "x"}
    }
    assert overlay.get("CACHES")["default"]["LOCATION"] == str(bundle.data / "cache")
    assert overlay.get("LOGGING")["handlers"] == {
        "file": {"filename": bundle.data / "logs/shop.log"},
        "bytes": {"filename": str(bundle.data / "logs/bytes.log")},
        "named": {"filename": "ext://shop.settings.LOG_FILE"},
        "other": {},
    }
    assert (bundle.data / "logs").is_dir()


def test_paths_stay_of_the_kind_that_they_were(bundle: Bundle) -> None:
    """A project may append in either way: ``settings.MEDIA_ROOT / "exports"``, ``settings.MEDIA_ROOT + "/exports"``."""
    for kind in (Path, str):
        overlay = overlay_of(bundle, MEDIA_ROOT=kind(bundle.root / "media"), STATIC_ROOT=kind(bundle.root / "static"))
        relocation.move_media(overlay)
        rules.use_bundled_static_files(overlay)
        assert overlay.get("MEDIA_ROOT") == kind(bundle.data / "media")
        assert overlay.get("STATIC_ROOT") == kind(bundle.static_root)


def test_storage_with_a_folder_of_its_own(bundle: Bundle) -> None:
    options = {"location": str(bundle.root / "uploads"), "base_url": "/uploads/"}
    storages = {"default": {"BACKEND": "x", "OPTIONS": options}, "staticfiles": {"OPTIONS": {"location": "static"}}}
    overlay = overlay_of(bundle, STORAGES=storages)
    relocation.move_storages(overlay)
    assert overlay.get("STORAGES")["default"]["OPTIONS"] == options | {"location": str(bundle.data / "uploads")}
    assert overlay.get("STORAGES")["staticfiles"] == {"OPTIONS": {"location": "static"}}
    assert options["location"] == str(bundle.root / "uploads")


def test_location_in_a_bucket_is_no_folder(bundle: Bundle) -> None:
    file_storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": "uploads"}}
    bucket = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"location": "uploads"}}
    overlay = overlay_of(bundle, STORAGES={"default": bucket, "local": file_storage})
    relocation.move_storages(overlay)
    assert overlay.get("STORAGES")["default"] == bucket
    assert overlay.get("STORAGES")["local"]["OPTIONS"]["location"] == str(bundle.data / "uploads")


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
    relocation.move_missing_paths(overlay)
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
    relocation.anchor_folders(overlay)
    root = bundle.root
    assert overlay.get("TEMPLATES") == [
        {"DIRS": [f"{root}/templates", root / "more", "/srv/t"], "APP_DIRS": True},
        {"BACKEND": "x"},
    ]
    assert overlay.get("LOCALE_PATHS") == [f"{root}/locale"]
    assert overlay.get("STATICFILES_DIRS") == [f"{root}/assets", ("vendor", f"{root}/node_modules")]
    assert [change.setting for change in overlay.changes] == ["LOCALE_PATHS", "STATICFILES_DIRS", "TEMPLATES"]


def test_trial_writes_nothing_elsewhere(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.VERIFY_MODE, "1")
    overlay = overlay_of(
        bundle,
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/var/c"},
            "sessions": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": ["redis://a:1"], "TIMEOUT": 9},
        },
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/shop/db.sqlite3"},
            "orders": {"ENGINE": "django.db.backends.postgresql", "NAME": "orders"},
        },
        LOGGING={"handlers": {"file": {"filename": "/var/log/shop/errors.log"}}},
        MEDIA_ROOT="/srv/media",
    )
    rules = (relocation.move_databases, relocation.move_media, relocation.move_logs)
    for rule in (verify_mode.stay_in_data_directory, *rules):
        rule(overlay)
    relocation.move_caches(overlay)
    outside = bundle.data / "outside"
    databases = overlay.get("DATABASES")
    assert databases["default"]["NAME"] == str(outside / "var/lib/shop/db.sqlite3")
    assert databases["orders"]["NAME"] == str(bundle.data / "orders.sqlite3")
    assert overlay.get("DJBUNDLE_ENGINES") == {"django.db.backends.sqlite3", "django.db.backends.postgresql"}
    assert overlay.get("MEDIA_ROOT") == str(outside / "srv/media")
    caches = overlay.get("CACHES")
    assert caches["default"]["LOCATION"] == str(outside / "var/c")
    assert caches["sessions"] | {"OPTIONS": {}} == {
        "BACKEND": stand_ins.CACHE,
        "LOCATION": str(bundle.data / "cache-sessions"),
        "TIMEOUT": 9,
        "OPTIONS": {},
    }
    assert [each["BACKEND"] for each in overlay.get("DJBUNDLE_CACHES")] == ["django_redis.cache.RedisCache"]
    assert overlay.get("LOGGING")["handlers"]["file"]["filename"] == str(outside / "var/log/shop/errors.log")
    assert (outside / "var/log/shop").is_dir()


@pytest.mark.parametrize("is_there", [True, False])
def test_temporary_files_of_a_container_without_tmp(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_there: bool
) -> None:
    temporary = tmp_path / "tmp"
    monkeypatch.setattr(overlay_module, "TEMPORARY", temporary)
    if is_there:
        temporary.mkdir()
    location = temporary / "cache"
    moved = overlay_of(bundle).moved(location)
    assert moved == (None if is_there else bundle.data / "outside" / location.relative_to("/"))
