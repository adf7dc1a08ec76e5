"""Static and media files, as a browser requests them."""

import gzip
import http.client
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import pytest
from django.contrib import admin

from djbundle.common import zstd
from tests.conftest import NewSite
from tests.support.customer import Customer, static_files
from tests.support.site import Site

DECODERS = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    "zstd": zstd.decompress,
}


@pytest.fixture
def stylesheet(customer: Customer) -> str:
    return next(path for path in static_files(customer.get("/")) if path.endswith(".css"))


def test_hashed_file_is_immutable(customer: Customer, stylesheet: str) -> None:
    answer = customer.get(stylesheet)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    assert "max-age=315360000" in answer.headers["Cache-Control"]
    assert b"color" in answer.content


def test_plain_name_is_not_immutable(customer: Customer) -> None:
    answer = customer.get("/static/shop/shop.css")
    assert answer.status == 200
    assert "immutable" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize("encoding", DECODERS)
def test_compressed_copies_are_negotiated(customer: Customer, stylesheet: str, encoding: str) -> None:
    plain = customer.get(stylesheet)
    answer = customer.get(stylesheet, Accept_Encoding=encoding)
    assert answer.headers["Content-Encoding"] == encoding
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert len(answer.content) < len(plain.content)
    assert DECODERS[encoding](answer.content) == plain.content


def test_etag_saves_the_body(customer: Customer, stylesheet: str) -> None:
    tag = customer.get(stylesheet).headers["ETag"]
    assert tag
    answer = customer.get(stylesheet, If_None_Match=tag)
    assert answer.status == 304
    assert answer.content == b""


def test_range_gets_a_part(customer: Customer, stylesheet: str) -> None:
    whole = customer.get(stylesheet).content
    part = customer.get(stylesheet, Range="bytes=10-19")
    assert part.status == 206
    assert part.content == whole[10:20]
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    beyond = customer.get(stylesheet, Range=f"bytes={len(whole) + 1}-")
    assert beyond.status == 416


def test_large_file_is_sent_whole(customer: Customer) -> None:
    """A whole file is sent in parts, from memory; a request for a part of it uses the ordinary way."""
    name = "admin/js/vendor/xregexp/xregexp.js"
    content = (Path(admin.__file__).parent / "static" / name).read_bytes()
    assert len(content) > 300_000
    for _ in range(2):
        answer = customer.get(f"/static/{name}")
        assert answer.content == content
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["X-Request-ID"]
    assert customer.get(f"/static/{name}", Range="bytes=300000-").content == content[300_000:]


def test_missing_file_is_not_found(customer: Customer) -> None:
    assert customer.get("/static/nothing.css").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../djbundle.json",
        "/static/%2e%2e/djbundle.json",
        "/static//etc/passwd",
        "/media/../secret_key",
        "/media/%2e%2e/secret_key",
        "/media/..%2fdb.sqlite3",
        "/media//etc/passwd",
    ],
)
def test_no_path_leads_out(open_shop: Site, path: str) -> None:
    """The raw path is sent, since clients would normalize it."""
    address = urlsplit(open_shop.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status in (301, 302, 400, 404)
    assert b"root:" not in answer.read()
    connection.close()


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("a.png", b"\x89PNG", True),
        ("a.txt", b"<script>alert(1)</script>", True),
        ("a.html", b"<script>alert(1)</script>", False),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", False),
        ("a.xhtml", b"<script>alert(1)</script>", False),
        ("a.js", b"alert(1)", False),
        ("A.HTML", b"<script>alert(1)</script>", False),
        ("noending", b"<script>alert(1)</script>", False),
    ],
)
def test_upload_runs_no_script(open_shop: Site, customer: Customer, name: str, content: bytes, shown: bool) -> None:
    uploads = open_shop.data / "media" / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    (uploads / name).write_bytes(content)
    answer = customer.get(f"/media/uploads/{name}")
    assert answer.status == 200
    assert answer.content == content
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert (answer.headers["Content-Disposition"] != "attachment") == shown
    assert "immutable" not in (answer.headers["Cache-Control"] or "")


def test_upload_can_be_read_in_parts(open_shop: Site, customer: Customer) -> None:
    """Video players do this."""
    uploads = open_shop.data / "media" / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    (uploads / "film.mp4").write_bytes(bytes(range(200)))
    answer = customer.get("/media/uploads/film.mp4", Range="bytes=100-109")
    assert answer.status == 206
    assert answer.content == bytes(range(100, 110))


def test_upload_that_is_replaced_is_served_anew(open_shop: Site, customer: Customer) -> None:
    file = open_shop.data / "media" / "now.txt"
    file.parent.mkdir(exist_ok=True)
    for content in (b"first", b"the second"):
        file.write_bytes(content)
        assert customer.get("/media/now.txt").content == content
    file.unlink()
    assert customer.get("/media/now.txt").status == 404


def test_files_are_served_without_django(new_small: NewSite) -> None:
    """No view sends them: the project's middleware does not see the response."""
    with new_small() as site:
        customer = Customer(site.url)
        assert "Cross-Origin-Opener-Policy" in customer.get("/").headers
        answer = customer.get("/static/notes/notes.css")
        assert answer.status == 200
        assert "Cross-Origin-Opener-Policy" not in answer.headers
