"""A cache in a folder where any user of the machine may have made it first: its contents would be unpickled."""

from pathlib import Path

import pytest
from django.core.cache.backends.filebased import FileBasedCache

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.settings import relocation
from tests.runtime.overlays import make_bundle, overlay_of

BACKEND = "django.core.cache.backends.filebased.FileBasedCache"
PLANTED = b"cos\nsystem\n(S'touch %s'\ntR."  # a pickle that runs a command


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    shared = tmp_path / "tmp"
    shared.mkdir()
    monkeypatch.setattr("djbundle.runtime.settings.overlay.SHARED", (shared,))
    return make_bundle(tmp_path, monkeypatch)


def cache_of(bundle: Bundle, location: str) -> FileBasedCache:
    overlay = overlay_of(bundle, CACHES={"default": {"BACKEND": BACKEND, "LOCATION": location}})
    relocation.move_caches(overlay)
    return FileBasedCache(overlay.get("CACHES")["default"]["LOCATION"], {})


def plant(cache: FileBasedCache, trace: Path) -> None:
    file = Path(cache._key_to_file("basket"))  # type: ignore[attr-defined]  # Django's own
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(PLANTED % str(trace).encode())


@pytest.mark.parametrize("way", ["{}/tmp/django_cache", "{}/tmp/x/../django_cache", "{}/tmp"])
def test_planted_caches_are_not_read(bundle: Bundle, tmp_path: Path, way: str) -> None:
    location, trace = way.format(tmp_path), tmp_path / "ran"
    plant(FileBasedCache(location, {}), trace)
    cache = cache_of(bundle, location)
    assert cache.get("basket") is None
    cache.set("basket", "apples")
    assert cache.get("basket") == "apples"
    assert not trace.exists()


def test_what_is_planted_would_run(tmp_path: Path) -> None:
    """This proves that the test above can fail."""
    cache = FileBasedCache(str(tmp_path / "cache"), {})
    plant(cache, tmp_path / "ran")
    cache.get("basket")
    assert (tmp_path / "ran").exists()


def test_a_place_of_its_own_stays(bundle: Bundle, tmp_path: Path) -> None:
    assert Path(cache_of(bundle, f"{tmp_path}/srv/cache")._dir) == tmp_path / "srv/cache"  # type: ignore[attr-defined]
