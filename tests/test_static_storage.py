"""Hashed names for typical files of projects."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage

from djbundle.static_storage import HashedStorage

STYLE = b"a { background: url(there.png) } b { background: url(missing.png) } i { background: url(../../../../up.png) }"


@pytest.fixture(scope="module", autouse=True)
def _settings() -> None:
    if not settings.configured:
        settings.configure(STATIC_URL="/static/")


@pytest.fixture
def storage(tmp_path: Path) -> HashedStorage:
    """Return a storage with the files that ``collectstatic`` makes of these."""
    files = {"css/style.css": STYLE, "css/there.png": b"png", "css/latin.css": "/* \xe9 */".encode("latin-1")}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    storage = HashedStorage(location=tmp_path, base_url="/static/")
    source = StaticFilesStorage(location=tmp_path, base_url="/static/")
    processed = list(storage.post_process({name: (source, name) for name in files}))
    assert not [each for each in processed if isinstance(each[2], Exception)]
    return storage


def text_of(storage: HashedStorage, name: str) -> str:
    with storage.open(storage.stored_name(name)) as file:
        return str(file.read().decode())


def test_names_are_hashed(storage: HashedStorage) -> None:
    assert storage.stored_name("css/style.css") != "css/style.css"
    assert storage.stored_name("css/there.png").removeprefix("css/") in text_of(storage, "css/style.css")


def test_what_is_not_there_keeps_its_name(storage: HashedStorage) -> None:
    text = text_of(storage, "css/style.css")
    assert "url(missing.png)" in text or 'url("missing.png")' in text
    assert "up.png" in text
    assert storage.url("nowhere.css") == "/static/nowhere.css"


def test_urls_are_quoted_as_those_of_the_default_storage(storage: HashedStorage) -> None:
    default = StaticFilesStorage(base_url="/static/")
    for name in ("a b/ü.css", "100%.png", "a'(b)~!*.js"):
        assert storage.url(name) == default.url(name)


def test_style_sheet_in_another_encoding(storage: HashedStorage) -> None:
    assert storage.url("css/latin.css").startswith("/static/css/latin.")


def test_before_the_files_are_collected(tmp_path: Path) -> None:
    assert HashedStorage(location=tmp_path, base_url="/static/").url("app/page.html") == "/static/app/page.html"
