"""Uploads go to a bucket, with the packages that the extras of djbundle install. It builds a shop of its own."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, build
from tests.support.object_store import ObjectStore
from tests.support.site import Site, bare_environment
from tests.support.wheel import make_environment

pytestmark = pytest.mark.slow

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cret-key-of-the-bucket"}
SAVE = (
    "from django.core.files.base import ContentFile; from django.core.files.storage import default_storage as s;"
    "name = s.save('greetings/hello.txt', ContentFile(b'hello'));"
    "print(name, s.open(name).read().decode(), s.url(name))"
)


@pytest.fixture(scope="module")
def shop_with_extras(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the shop in an environment with the extras."""
    folder = tmp_path_factory.mktemp("extras")
    extras = f"djbundle[postgres,redis,s3] @ file://{wheel}"
    make_environment(folder / "environment", "3.13", "django>=6.1,<6.2", "pillow>=12", extras)
    return build(REPOSITORY / "sample_shop", folder / "shop", "--python", str(folder / "environment"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store") / "environment") as store:
        store.create_bucket("uploads")
        yield store


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:
        text: str = response.read().decode()
        return text


@pytest.mark.parametrize(("more", "is_signed"), [("", True), ("&public=1", False)])
def test_uploads_are_in_the_bucket(
    shop_with_extras: Path, store: ObjectStore, tmp_path: Path, more: str, is_signed: bool
) -> None:
    """Without the signature of its link, nobody can read a file of a bucket that is not public."""
    url = f"s3://uploads/shop?region=eu-central-1&endpoint={store.url}{more}"
    site = Site(shop_with_extras, tmp_path / "data", bare_environment(MEDIA_URL=url, **KEYS))
    with site:
        name, content, link = site.shell(SAVE).split()
        assert content == "hello"
        plain, _, signature = link.partition("?")
        assert plain == f"{store.url}/uploads/shop/{name}"
        assert ("X-Amz-Signature=" in signature) is is_signed
        with pytest.raises(urllib.error.HTTPError, match="403"):
            read(plain)
        assert not is_signed or read(link) == "hello"
        assert f"<Key>shop/{name}</Key>" in store.names("uploads")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            read(f"{site.url}/media/{name}")
    shown = site.run("config").stdout
    assert "uploads          not served: they are kept by storages.backends.s3.S3Storage" in shown
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in shown + site.log.read_text()
    assert 'uploads of the storage "default"' not in site.run("check").stderr
    assert not (site.data / "media").exists()


def test_bucket_that_does_not_exist(shop_with_extras: Path, store: ObjectStore, tmp_path: Path) -> None:
    url = f"s3://nowhere?endpoint={store.url}"
    site = Site(shop_with_extras, tmp_path / "data", bare_environment(MEDIA_URL=url, **KEYS))
    refused = site.run("serve", "--bind", "127.0.0.1:0", check=False)
    assert refused.returncode == 48
    cause, fix = refused.stderr.splitlines()
    assert 'the store of uploads "default" does not answer' in cause
    assert "NoSuchBucket" in cause
    assert fix == "  fix: start it, or correct MEDIA_URL"
