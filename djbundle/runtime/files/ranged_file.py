"""servestatic's files, with what those lack: ``If-Range``, several ranges, and an ETag for each encoding."""

import asyncio
import os
import secrets
from collections import deque
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from io import BufferedIOBase
from pathlib import Path
from typing import Any, BinaryIO, Self, cast
from wsgiref.headers import Headers

from servestatic.responders import (
    NOT_ALLOWED_RESPONSE,
    NOT_MODIFIED_HEADERS,
    MissingFileError,
    Response,
    StaticFile,
)

from djbundle.runtime.files.ranges import Span, is_unchanged, matches, parse_ranges

RequestHeaders = Mapping[str, str]  # headers, as WSGI calls them
HeaderList = list[tuple[str, str | None]]
Segment = bytes | Span


class RangedFile(StaticFile):  # type: ignore[misc]  # untyped
    @staticmethod
    def get_headers(headers_list: list[tuple[str, str]], files: Any) -> Any:
        """Add an ETag that tells two files apart even if they were written within one second."""
        main = files[None]
        tag = [("ETag", f'"{int(main.mtime * 1e6):x}-{main.size:x}"')] if main.mtime else []
        return StaticFile.get_headers([*headers_list, *tag], files)

    @staticmethod
    def get_alternatives(base_headers: Any, files: Any) -> list[tuple[str | None, str, HeaderList]]:
        """Give each encoding its own ETag: parts of two encodings make a broken file."""
        alternatives = StaticFile.get_alternatives(base_headers, files)
        for encoding, _, headers in alternatives:
            for number, (name, value) in enumerate(headers):
                if encoding and name == "ETag":
                    headers[number] = (name, f'{value[:-1]}-{encoding}"')
        return cast("list[tuple[str | None, str, HeaderList]]", alternatives)

    def get_response(self, method: str, request_headers: RequestHeaders) -> Response:
        response, segments = self.respond(method, request_headers)
        if segments:
            response.file = open_segments(Path(response.path), segments)
        elif response.path:
            response.file = Path(response.path).open("rb")  # noqa: SIM115 - the server closes it
        return response

    async def aget_response(
        self, method: str, request_headers: RequestHeaders, *, pathsend: bool = False, **_: bool
    ) -> Response:
        """Return the response. A whole file is passed by its path if the server can send it so."""
        response, segments = self.respond(method, request_headers)
        if response.path and (segments or not pathsend):
            size = Path(response.path).stat().st_size
            parts = segments or [Span(0, size)]
            response.file, response.path = AsyncFile(open_segments(Path(response.path), parts)), None
        return response

    def respond(self, method: str, request_headers: RequestHeaders) -> tuple[Response, list[Segment]]:
        """Return a response and its segments. `path` names its file, not opened yet; no segments: send all of it."""
        if method not in ("GET", "HEAD"):
            return NOT_ALLOWED_RESPONSE, []
        path, headers = self.get_path_and_headers(request_headers)
        if self.is_not_modified(request_headers):
            kept_headers = [item for item in headers if item[0] in NOT_MODIFIED_HEADERS]
            return Response(HTTPStatus.NOT_MODIFIED, kept_headers, None), []
        if method == "HEAD":
            return Response(HTTPStatus.OK, headers, None), []
        values = {name: value or "" for name, value in headers}
        size = int(values["Content-Length"])
        spans = requested_spans(request_headers, values, size)
        if spans is None:
            return Response(HTTPStatus.OK, headers, None, path), []
        headers = [item for item in headers if item[0] != "Content-Length"]
        if not spans:
            headers += [("Content-Range", f"bytes */{size}"), ("Content-Length", "0")]
            return Response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers, None), []
        headers, segments = partial_content(headers, spans, size)
        return Response(HTTPStatus.PARTIAL_CONTENT, headers, None, path), segments

    def is_not_modified(self, request_headers: RequestHeaders) -> bool:
        tags = request_headers.get("HTTP_IF_NONE_MATCH")
        if tags is None:
            return bool(super().is_not_modified(request_headers))
        etags = {value for _, _, headers in self.alternatives for name, value in headers if name == "ETag"}
        return matches(tags, etags)


class RangedFiles:
    """Makes servestatic use RangedFile. `encodings`: the copies that the build has compressed."""

    encodings: tuple[tuple[str, str], ...] = (("zstd", ".zstd"), ("gzip", ".gz"), ("br", ".br"))

    def get_static_file(self: Any, path: str, url: str, stat_cache: Any = None) -> RangedFile:
        if stat_cache is None and not os.path.exists(path):  # noqa: PTH110 - for each upload
            raise MissingFileError(path)
        headers = Headers([])
        self.add_mime_headers(headers, path, url)
        self.add_cache_headers(headers, path, url)
        if self.allow_all_origins:
            headers["Access-Control-Allow-Origin"] = "*"
        if self.add_headers_function is not None:
            self.add_headers_function(headers, path, url)
        encodings = {encoding: path + suffix for encoding, suffix in self.encodings}
        return RangedFile(path, headers.items(), encodings, stat_cache)


def requested_spans(request_headers: RequestHeaders, headers: Mapping[str, str], size: int) -> list[Span] | None:
    """Return the ranges that are asked for, or None for the whole file."""
    if "HTTP_RANGE" not in request_headers:
        return None
    condition = request_headers.get("HTTP_IF_RANGE")
    if condition is not None and not is_unchanged(condition, headers.get("ETag"), headers.get("Last-Modified")):
        return None
    return parse_ranges(request_headers["HTTP_RANGE"], size)


def partial_content(headers: HeaderList, spans: list[Span], size: int) -> tuple[HeaderList, list[Segment]]:
    """Return the headers and segments for these ranges: one as it is, several as multipart/byteranges."""
    if len(spans) == 1:
        segments: list[Segment] = [*spans]
        headers = [*headers, ("Content-Range", spans[0].content_range(size))]
    else:
        boundary = secrets.token_hex(16)  # random, so no file can contain it
        kind = next((value for name, value in headers if name == "Content-Type"), None)
        segments = multipart(spans, size, boundary, kind or "application/octet-stream")
        headers = [item for item in headers if item[0] != "Content-Type"]
        headers.append(("Content-Type", f"multipart/byteranges; boundary={boundary}"))
    length = sum(map(size_of, segments))
    return [*headers, ("Content-Length", str(length))], segments


def multipart(spans: Iterable[Span], size: int, boundary: str, kind: str) -> list[Segment]:
    segments: list[Segment] = []
    for span in spans:
        head = f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {span.content_range(size)}\r\n\r\n"
        segments += [head.encode("latin-1"), span]
    return [*segments, f"\r\n--{boundary}--\r\n".encode()]


def size_of(segment: Segment) -> int:
    return segment.size if isinstance(segment, Span) else len(segment)


def open_segments(path: Path, segments: list[Segment]) -> "Segments":
    return Segments(path.open("rb"), segments)


class Segments(BufferedIOBase):
    """Ranges of a file, and the bytes between them, as one file to read."""

    def __init__(self, file: BinaryIO, segments: list[Segment]) -> None:
        self._file = file
        self._remaining = deque(segments)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(1 << 16), b""))
        while self._remaining:
            if data := self._take(self._remaining.popleft(), size):
                return data
        return b""

    def _take(self, segment: Segment, size: int) -> bytes:
        """Return the first bytes of a segment, and put the rest of it back."""
        rest: Segment
        if isinstance(segment, bytes):
            data, rest = segment[:size], segment[size:]
        else:
            self._file.seek(segment.begin)
            data = self._file.read(min(size, segment.size))
            rest = Span(segment.begin + len(data), segment.end) if data else b""  # the file has become shorter
        if size_of(rest):
            self._remaining.appendleft(rest)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


class AsyncFile:
    """The file that servestatic reads for ASGI, in threads, since a disk may be slow."""

    def __init__(self, file: Segments) -> None:
        self._file = file

    async def read(self, size: int) -> bytes:
        return await asyncio.to_thread(self._file.read, size)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._file.close()
