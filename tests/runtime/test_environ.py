"""A WSGI application gets what was sent (PEP 3333): latin-1, and each header once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djbundle.runtime.http.protocol.environ import make_environ
from djbundle.runtime.http.protocol.validity import has_body, refusal


def scope(*headers: tuple[bytes, bytes], **changes: Any) -> dict[str, Any]:
    plain = {
        "method": "GET",
        "raw_path": b"/",
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", "80"),
        "client": ("192.0.2.1", 1234),
        "headers": list(headers),
    }
    return plain | changes


@given(st.binary())
def test_no_byte_of_a_header_is_lost(value: bytes) -> None:
    assert make_environ(scope((b"referer", value)), {})["HTTP_REFERER"].encode("latin-1") == value


@given(st.binary().map(lambda path: b"/" + path.replace(b"%", b"")))
def test_no_byte_of_a_path_is_lost(path: bytes) -> None:
    quoted = b"".join(b"%%%02x" % byte for byte in path)
    for sent in (path, quoted):
        assert make_environ(scope(raw_path=sent), {})["PATH_INFO"].encode("latin-1") == path


@pytest.mark.parametrize(
    ("headers", "key", "expected"),
    [
        ([(b"cookie", b"a=1"), (b"cookie", "city=Zürich".encode())], "HTTP_COOKIE", "a=1; city=ZÃ¼rich"),
        ([(b"x-a", b"1"), (b"x-a", b"2")], "HTTP_X_A", "1,2"),
        ([(b"content-type", b"text/plain")], "CONTENT_TYPE", "text/plain"),
        ([(b"content-length", b"5")], "CONTENT_LENGTH", "5"),
    ],
)
def test_headers_are_joined(headers: list[tuple[bytes, bytes]], key: str, expected: str) -> None:
    assert make_environ(scope(*headers), {})[key] == expected


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [
        ("1.1", [b"a"], None),
        ("1.1", [], 400),
        ("1.1", [b""], 400),
        ("1.1", [b"a", b"b"], 400),
        ("1.1", [b"a", b"a"], 400),
        ("1", [], None),
        ("1", [b""], None),
        ("1", [b"a", b"b"], 400),
        ("2", [b"a"], None),
        ("2", [b""], 400),
    ],
)
def test_one_host_is_named(version: str, hosts: list[bytes], status: int | None) -> None:
    environ = make_environ(scope(*((b"host", host) for host in hosts), http_version=version), {})
    assert refusal(environ, 0) == status
    assert environ.get("HTTP_HOST", "none") != ""


@given(st.text(st.characters(max_codepoint=255)))
def test_a_length_is_a_number_or_refused(length: str) -> None:
    environ = make_environ(scope((b"host", b"a"), (b"content-length", length.encode("latin-1"))), {})
    if refusal(environ, 0) is None:
        assert has_body(environ) is (int(length) > 0)
