"""Ranges of files: which can be requested, and that each response is from the current file."""

import asyncio
import os
import re
from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djbundle.runtime.files.ranged_file import RangedFile
from djbundle.runtime.files.ranges import MAX_RANGES, Span, matches, parse_ranges

SIZE = 1000
SHAPES = st.text("0123456789-, =bytes\t", max_size=40) | st.lists(
    st.tuples(st.integers(0, 2 * SIZE) | st.just(""), st.integers(0, 2 * SIZE) | st.just("")), max_size=2 * MAX_RANGES
).map(lambda pairs: "bytes=" + ",".join(f"{first}-{last}" for first, last in pairs))


@given(SHAPES, st.integers(0, SIZE))
def test_no_range_takes_more_than_the_file(header: str, size: int) -> None:
    spans = parse_ranges(header, size)
    if spans is not None:
        assert len(spans) <= MAX_RANGES
        assert all(0 <= each.begin < each.end <= size for each in spans)
        assert len({at for each in spans for at in range(*each)}) == sum(each.size for each in spans)


@given(
    st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)).map(sorted), min_size=1, max_size=MAX_RANGES)
)
def test_every_byte_that_is_asked_for_is_sent(pairs: list[list[int]]) -> None:
    spans = parse_ranges("bytes=" + ", ".join(f"{first}-{last}" for first, last in pairs), SIZE)
    assert spans is not None
    expected = {at for first, last in pairs for at in range(first, last + 1)}
    assert {at for each in spans for at in range(*each)} == expected


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-0", [Span(0, 1)]),
        ("bytes=990-", [Span(990, 1000)]),
        ("bytes=-10", [Span(990, 1000)]),
        ("bytes=-5000", [Span(0, 1000)]),
        ("Bytes=0-9999", [Span(0, 1000)]),
        ("bytes=5-6, 1-2,,", [Span(5, 7), Span(1, 3)]),
        ("bytes=0-5,3-8", [Span(0, 9)]),
        ("bytes=1000-", []),
        ("bytes=-0", []),
        ("bytes=2000-,0-1", [Span(0, 2)]),
        *(
            (header, None)
            for header in ("bytes", "bytes=", "bytes=,", "items=0-1", "bytes=2-1", "bytes=-", "bytes=a-b")
        ),
        *(
            (header, None)
            for header in ("bytes=+1-2", "bytes=1_0-20", "bytes=\u0661-\u0662", "bytes=0 - 1", "bytes=0x1-2")
        ),
        ("bytes=" + "9" * 5000 + "-", None),
        ("bytes=" + ",".join(f"{at}-{at}" for at in range(0, 2 * MAX_RANGES + 2, 2)), None),
        ("bytes=" + "," * 60000 + "0-1", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_ranges_by_their_grammar(header: str, spans: list[Span] | None) -> None:
    assert parse_ranges(header, SIZE) == spans


def test_empty_file_has_no_parts() -> None:
    assert parse_ranges("bytes=0-", 0) is None


class FileResponse:
    def __init__(self, path: Path, method: str = "GET", **headers: str) -> None:
        """Request the file by both interfaces, which must give the same response."""
        request_headers = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        file = RangedFile(str(path), [("Content-Type", "video/mp4")], {"gzip": f"{path}.gz"})
        response = file.get_response(method, request_headers)
        self.status, self.headers = int(response.status), dict(response.headers)
        self.body = b""
        if response.file:
            with response.file:
                self.body = b"".join(iter(lambda: response.file.read(7), b""))
        assert asyncio.run(self.ask_again(file, method, request_headers)) == (self.status, self.plain(self.body))

    async def ask_again(self, file: RangedFile, method: str, request_headers: dict[str, str]) -> tuple[int, bytes]:
        response = await file.aget_response(method, request_headers)
        body = b""
        if response.file:
            async with response.file as opened:
                while part := await opened.read(7):
                    body += part
        return int(response.status), self.plain(body)

    def plain(self, body: bytes) -> bytes:
        return re.sub(rb"--[0-9a-f]{32}", b"--", body)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(range(200)))
    return path


def test_one_part(film: Path) -> None:
    response = FileResponse(film, range="bytes=100-109")
    assert (response.status, response.body) == (206, bytes(range(100, 110)))
    assert (response.headers["Content-Range"], response.headers["Content-Length"]) == ("bytes 100-109/200", "10")
    assert response.headers["Content-Type"] == "video/mp4"


def test_several_parts(film: Path) -> None:
    response = FileResponse(film, range="bytes=0-1, 100-101, -1")
    assert response.status == 206
    assert int(response.headers["Content-Length"] or "") == len(response.body)
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + response.body).get_payload()
    assert isinstance(parts, list)
    assert [part["Content-Range"] for part in parts] == ["bytes 0-1/200", "bytes 100-101/200", "bytes 199-199/200"]  # type: ignore[index]
    assert all(part.get_content_type() == "video/mp4" for part in parts)  # type: ignore[union-attr]
    for content in (b"\0\1", bytes([100, 101]), bytes([199])):
        assert b"\r\n\r\n" + content + b"\r\n--" in response.body


def test_if_range_is_honoured(film: Path) -> None:
    whole = FileResponse(film)
    for same in (whole.headers["ETag"], whole.headers["Last-Modified"]):
        assert FileResponse(film, range="bytes=0-1", if_range=str(same)).status == 206
    for other in ('"other"', f"W/{whole.headers['ETag']}", "Sat, 01 Jan 2000 00:00:00 GMT", "", "garbage"):
        response = FileResponse(film, range="bytes=0-1", if_range=other)
        assert (response.status, response.body) == (200, whole.body)


def test_file_that_was_replaced_at_once_is_another(film: Path) -> None:
    """The new file was written within the same second, and has the same size."""
    tag = FileResponse(film).headers["ETag"]
    when = film.stat().st_mtime_ns
    film.write_bytes(bytes(200))
    os.utime(film, ns=(when, when + 5000))
    response = FileResponse(film, range="bytes=100-", if_range=str(tag))
    assert (response.status, response.body) == (200, bytes(200))
    assert FileResponse(film, if_none_match=str(tag)).status == 200


def test_each_encoding_has_its_tag(film: Path) -> None:
    film.with_name("film.mp4.gz").write_bytes(b"compressed")
    plain, packed = FileResponse(film), FileResponse(film, accept_encoding="gzip")
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert (
        FileResponse(film, range="bytes=5-", if_range=str(plain.headers["ETag"]), accept_encoding="gzip").status == 200
    )
    for each in (plain, packed):
        assert FileResponse(film, if_none_match=str(each.headers["ETag"])).status == 304


def test_head_has_no_parts(film: Path) -> None:
    response = FileResponse(film, "HEAD", range="bytes=0-1")
    assert (response.status, response.headers["Content-Length"], response.body) == (200, "200", b"")


def test_beyond_the_end(film: Path) -> None:
    response = FileResponse(film, range="bytes=200-")
    assert (response.status, response.headers["Content-Range"], response.body) == (416, "bytes */200", b"")


@pytest.mark.parametrize(
    ("if_none_match", "is_match"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False), ("", False)],
)
def test_tags_that_a_browser_has(if_none_match: str, is_match: bool) -> None:
    assert matches(if_none_match, {'"a"'}) == is_match
