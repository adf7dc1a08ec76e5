"""Static files are kept in memory while there is room, and sent whole or in parts."""

import os
from pathlib import Path
from typing import Any

import pytest
from servestatic.responders import Redirect, StaticFile

from djbundle.runtime.files.static_cache import (
    MAX_ACCEPT_ENCODING_LENGTH,
    MAX_CACHE_SIZE,
    MAX_LOOKUPS,
    MAX_UNSPLIT_SIZE,
    StaticCache,
)
from djbundle.runtime.http.limits.whole_pages import MAX_WHOLE_SIZE
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.response_heads import ResponseHeads
from djbundle.runtime.http.protocol.transport import Request
from tests.runtime.granian import make_request


class Sent:
    """Our transport and streams. They store what is sent."""

    is_suspicious = False

    def __init__(self, max_whole: int = 0) -> None:
        self.max_whole = max_whole
        self.whole: list[bytes] = []
        self.parts: list[bytes] = []

    def begin_raw(self, _status: int, headers: Any) -> None:
        assert all(isinstance(text, bytes) for header in headers for text in header)

    def end(self, body: bytes) -> None:
        self.whole.append(body)

    def may_send_whole(self, _transport: Any, size: int) -> bool:
        return size <= self.max_whole

    def memory_parts(self, body: list[bytes]) -> list[bytes]:
        return body

    def send(self, _request: Request, _status: int, headers: Any, parts: list[bytes]) -> None:
        assert int(dict(headers)["Content-Length"]) == sum(map(len, parts))
        self.parts.append(b"".join(parts))


@pytest.fixture
def cache() -> StaticCache:
    return StaticCache({}, ResponseHeads(AddedHeaders(), None))


def publish(cache: StaticCache, path: Path, size: int) -> bytes:
    path.write_bytes(content := os.urandom(size))
    cache.files[f"/{path.name}"] = StaticFile(str(path), [])
    return content


def ask(cache: StaticCache, path: str, max_whole: int = 0, /, **environ: str) -> Sent | None:
    sent = Sent(max_whole)
    request = make_request(PATH_INFO=path, **environ)
    request.transport = sent  # type: ignore[assignment]
    answered = cache.answer(request, sent)  # type: ignore[arg-type]
    return sent if answered else None


@pytest.mark.parametrize("size", [0, 1, MAX_UNSPLIT_SIZE])
def test_small_files_are_sent_whole(cache: StaticCache, tmp_path: Path, size: int) -> None:
    content = publish(cache, tmp_path / "a", size)
    sent = ask(cache, "/a")
    assert sent
    assert (sent.whole, sent.parts) == ([content], [])


@pytest.mark.parametrize("size", [MAX_UNSPLIT_SIZE + 1, MAX_CACHE_SIZE // 2])
def test_large_files_are_sent_in_parts(cache: StaticCache, tmp_path: Path, size: int) -> None:
    content = publish(cache, tmp_path / "a", size)
    for _ in range(2):
        sent = ask(cache, "/a")
        assert sent
        assert (sent.whole, sent.parts) == ([], [content])
    assert cache.free_bytes == MAX_CACHE_SIZE - size, "it is kept once"


def test_medium_files_are_sent_whole_to_those_who_take_them(cache: StaticCache, tmp_path: Path) -> None:
    content = publish(cache, tmp_path / "a", MAX_WHOLE_SIZE)
    for max_whole, expected in ((MAX_WHOLE_SIZE, ([content], [])), (0, ([], [content]))):
        sent = ask(cache, "/a", max_whole)
        assert sent
        assert (sent.whole, sent.parts) == expected


def test_what_takes_too_much_room_is_the_sites(cache: StaticCache, tmp_path: Path) -> None:
    publish(cache, tmp_path / "huge", MAX_CACHE_SIZE // 2 + 1)
    assert not ask(cache, "/huge")
    assert cache.free_bytes == MAX_CACHE_SIZE
    for number in range(10):
        publish(cache, tmp_path / f"{number}", MAX_CACHE_SIZE // 4)
    cached = [number for number in range(10) if ask(cache, f"/{number}")]
    assert cached == [0, 1, 2]
    publish(cache, tmp_path / "small", 20_000)
    assert ask(cache, "/small"), "large ones leave room for small ones"


@pytest.mark.parametrize(
    "environ",
    [
        {"REQUEST_METHOD": "HEAD"},
        {"REQUEST_METHOD": "POST"},
        {"HTTP_RANGE": "bytes=0-1"},
        {"HTTP_IF_NONE_MATCH": '"a"'},
        {"HTTP_IF_MODIFIED_SINCE": "Thu, 01 Jan 2026 00:00:00 GMT"},
        {"CONTENT_LENGTH": "1"},
    ],
)
def test_what_is_not_plain_is_the_sites(cache: StaticCache, tmp_path: Path, environ: dict[str, str]) -> None:
    publish(cache, tmp_path / "a", 1)
    assert not ask(cache, "/a", **environ)


def test_each_encoding_has_its_own_file(cache: StaticCache, tmp_path: Path) -> None:
    content = {name: publish(cache, tmp_path / name, 10) for name in ("a", "a.gz")}
    cache.files["/a"].alternatives = [("gzip", str(tmp_path / "a.gz"), []), ("", str(tmp_path / "a"), [])]
    for _ in range(2):
        for accepted, name in (("gzip, br", "a.gz"), ("br", "a")):
            sent = ask(cache, "/a", HTTP_ACCEPT_ENCODING=accepted)
            assert sent
            assert sent.whole == [content[name]]


def test_strangers_fill_no_memory_with_what_they_accept(cache: StaticCache, tmp_path: Path) -> None:
    publish(cache, tmp_path / "a", 10)
    for number in range(MAX_LOOKUPS + 10):
        assert ask(cache, "/a", HTTP_ACCEPT_ENCODING=f"x-{number}")
    assert ask(cache, "/a", HTTP_ACCEPT_ENCODING="y" * 1000)
    assert len(cache.lookups) == MAX_LOOKUPS
    assert max(len(accepted) for _, accepted in cache.lookups) < MAX_ACCEPT_ENCODING_LENGTH


def test_redirects_and_unknown_paths_are_the_sites(cache: StaticCache) -> None:
    cache.files["/b"] = Redirect("/c")
    assert not ask(cache, "/b")
    assert not ask(cache, "/d")
