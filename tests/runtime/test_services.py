"""Variables that move databases, caches and uploads: what becomes of the settings of a project."""

from pathlib import Path
from typing import Any

import pytest

from djbundle.contract import variables
from djbundle.errors import SettingsError
from djbundle.manifest import Variable
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.settings import cache_url, database_url, media_url, relocation
from tests.runtime.overlays import make_bundle, overlay_of

SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": {"timeout": 3}}
DEAD_PEER_OPTIONS = database_url.DEAD_PEER_OPTIONS
POSTGRES = {"ENGINE": "django.db.backends.postgresql", "NAME": "old", "OPTIONS": {"sslmode": "require"}}
URL = "postgres://ann:p%40ss@db:5433/shop"


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return make_bundle(tmp_path, monkeypatch)


def moved(bundle: Bundle, databases: dict[str, Any], command: str = "serve") -> dict[str, Any]:
    overlay = overlay_of(bundle, DATABASES=databases)
    overlay.command = command
    database_url.use_databases(overlay)
    relocation.move_databases(overlay)
    result: dict[str, Any] = overlay.get("DATABASES")
    return result


def test_sqlite_moves_to_postgres(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of SQLite do not."""
    monkeypatch.setenv("DATABASE_URL", f"{URL}?sslmode=require&connect_timeout=5")
    assert moved(bundle, {"default": SQLITE | {"ATOMIC_REQUESTS": True}}) == {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "shop",
            "USER": "ann",
            "PASSWORD": "p@ss",
            "HOST": "db",
            "PORT": 5433,
            "ATOMIC_REQUESTS": True,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": DEAD_PEER_OPTIONS | {"sslmode": "require", "connect_timeout": 5, "pool": database_url.POOL},
        }
    }


def test_only_processes_that_serve_have_a_pool(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    entry = moved(bundle, {"default": SQLITE}, "migrate")["default"]
    assert (entry["OPTIONS"], "CONN_MAX_AGE" in entry) == (DEAD_PEER_OPTIONS, False)


@pytest.mark.parametrize(("interface", "age"), [("wsgi", 60), ("asgi", None)])
def test_without_a_pool(bundle: Bundle, monkeypatch: pytest.MonkeyPatch, interface: str, age: int | None) -> None:
    bundle.manifest.interface = interface  # type: ignore[misc,assignment]
    monkeypatch.setenv("DATABASE_URL", f"{URL}?pool=0")
    entry = moved(bundle, {"default": SQLITE})["default"]
    assert (entry["OPTIONS"], entry.get("CONN_MAX_AGE")) == (DEAD_PEER_OPTIONS, age)


def test_options_of_the_same_kind_of_server_stay(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does an engine of the project's own, such as one that counts queries."""
    monkeypatch.setenv("DATABASE_URL", f"{URL}?pool=3")
    engine = "django_prometheus.db.backends.postgresql"
    entry = moved(bundle, {"default": POSTGRES | {"ENGINE": engine, "CONN_MAX_AGE": 9}})["default"]
    assert (entry["ENGINE"], entry["NAME"], entry["OPTIONS"]) == (
        engine,
        "shop",
        DEAD_PEER_OPTIONS | {"sslmode": "require", "pool": database_url.POOL | {"max_size": 3}},
    )
    assert "CONN_MAX_AGE" not in entry


def test_spatial_databases_stay_spatial(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    spatial = SQLITE | {"ENGINE": "django.contrib.gis.db.backends.spatialite"}
    assert moved(bundle, {"default": spatial})["default"]["ENGINE"] == "django.contrib.gis.db.backends.postgis"


def test_each_alias_has_its_variable(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_OLD_ORDERS", URL)
    databases = moved(bundle, {"default": SQLITE, "old-orders": SQLITE})
    assert databases["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert databases["old-orders"]["NAME"] == "shop"


def test_no_database_stays_none(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    assert moved(bundle, {}) == {}
    assert moved(bundle, {"default": {}}) == {"default": {}}


def test_a_variable_that_the_settings_read_is_theirs(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    bundle.manifest.variables = (Variable("DATABASE_URL", False, "shop/settings.py:9"),)  # type: ignore[misc]
    assert moved(bundle, {"default": POSTGRES}) == {"default": POSTGRES}


def test_verify_mode_uses_no_server(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.VERIFY_MODE, "1")
    for name in ("DATABASE_URL", "CACHE_URL", "MEDIA_URL"):
        monkeypatch.setenv(name, "nonsense")
    overlay = overlay_of(bundle, DATABASES={"default": SQLITE})
    for rule in (database_url.use_databases, cache_url.use_caches, media_url.use_media_stores):
        rule(overlay)
    assert overlay.changes == []


def test_missing_driver(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setattr(database_url, "KINDS", {"postgres": database_url.POSTGRESQL._replace(drivers=("no_driver",))})
    with pytest.raises(SettingsError, match="needs a driver: no_driver is not in this bundle") as caught:
        moved(bundle, {"default": SQLITE})
    assert 'pip install "djbundle[postgres]"' in caught.value.fix


def caches(bundle: Bundle, **values: Any) -> dict[str, Any]:
    overlay = overlay_of(bundle, **values)
    cache_url.use_caches(overlay)
    result: dict[str, Any] = overlay.get("CACHES")
    return result


def test_cache_moves_to_redis(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_URL", "valkeys://:pw@host:6380/2?socket_timeout=5&prefix=eu")
    entry = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "TIMEOUT": 9, "OPTIONS": {"MAX_ENTRIES": 5}}
    assert caches(bundle, CACHES={"default": entry})["default"] == {
        "BACKEND": cache_url.BACKEND,
        "LOCATION": "rediss://:pw@host:6380/2?socket_timeout=5",
        "TIMEOUT": 9,
        "KEY_PREFIX": "eu",
    }


def test_aliases_and_sites_do_not_share_keys(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_URL", "redis://host")
    monkeypatch.setenv("CACHE_URL_PAGES", "redis://host")
    assert caches(bundle)["default"]["KEY_PREFIX"] == "shop"
    both = caches(bundle, CACHES={"default": {}, "pages": {}})
    assert [entry["KEY_PREFIX"] for entry in both.values()] == ["shop", "shop.pages"]


def test_own_redis_backend_stays(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_URL", "redis://new/0")
    entry = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://old", "OPTIONS": {"A": 1}}
    changed = caches(bundle, CACHES={"default": entry})["default"]
    assert (changed["BACKEND"], changed["LOCATION"], changed["OPTIONS"]) == (
        entry["BACKEND"],
        "redis://new/0",
        {"A": 1},
    )


def storages(bundle: Bundle, **values: Any) -> dict[str, Any]:
    overlay = overlay_of(bundle, **values)
    media_url.use_media_stores(overlay)
    result: dict[str, Any] = overlay.get("STORAGES")
    return result


@pytest.fixture
def with_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_url, "PACKAGES", {})


@pytest.mark.usefixtures("with_packages")
def test_uploads_move_to_a_bucket(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_URL", "s3://shop-uploads/eu/1?region=eu-central-1&public=1&domain=cdn.shop.example")
    assert storages(bundle)["default"] == {
        "BACKEND": media_url.BACKEND,
        "OPTIONS": {
            "bucket_name": "shop-uploads",
            "location": "eu/1",
            "region_name": "eu-central-1",
            "custom_domain": "cdn.shop.example",
            "querystring_auth": False,
            "file_overwrite": False,
            "signature_version": "s3v4",
        },
    }


@pytest.mark.usefixtures("with_packages")
def test_other_service_than_amazons(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_URL_PRIVATE", "s3://secrets?endpoint=https://minio.example")
    static = {"BACKEND": "shop.Static"}
    changed = storages(bundle, STORAGES={"private": {"BACKEND": "shop.Storage"}, "staticfiles": static})
    assert changed["private"]["OPTIONS"] | {"endpoint_url": "https://minio.example"} == changed["private"]["OPTIONS"]
    assert changed["private"]["OPTIONS"]["querystring_auth"] is True
    assert changed["staticfiles"] == static


@pytest.mark.usefixtures("with_packages")
@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("s3://", "names no bucket"),
        ("s3://bucket?zone=1", 'unknown parameter "zone"'),
        ("s3://bucket?endpoint=minio", 'is not a URL: "minio"'),
        ("s3://bucket?public=maybe", 'neither 1 nor 0: "maybe"'),
        ("/media/", 'unknown scheme ""'),
    ],
)
def test_wrong_url_of_a_bucket(bundle: Bundle, monkeypatch: pytest.MonkeyPatch, url: str, cause: str) -> None:
    monkeypatch.setenv("MEDIA_URL", url)
    with pytest.raises(SettingsError, match=cause):
        storages(bundle)
