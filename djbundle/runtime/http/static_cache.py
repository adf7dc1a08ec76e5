"""Answers frequent requests for static files from memory, before they become requests to the site.

Only the plain case is answered here. The site answers ranges, conditional requests, methods other than GET, and files
for which there is no room. So all that is known here comes from servestatic.
"""

import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from servestatic.responders import StaticFile

from djbundle.runtime.http.limits.streams import MAX_PART_SIZE, Streams
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.response_middleware import AddedHeaders
from djbundle.runtime.http.protocol.transport import Headers, RawHeaders, Request, encode_headers

WHOLE = 64 << 10  # bytes of a file; a larger one is sent in parts
ROOM = 16 << 20  # bytes of all files that one process keeps
MOST_FOUND = 4096  # answers that are remembered; a limit, since clients may send any Accept-Encoding
LONGEST_REMEMBERED = 128  # characters of Accept-Encoding
NOT_PLAIN = ("HTTP_RANGE", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING")


class Kept(NamedTuple):
    headers: Headers
    raw_headers: RawHeaders
    body: bytes | list[bytes]  # or its parts


class Shortcut:
    """The cache. `files` is what servestatic has found, by path."""

    def __init__(self, files: dict[str, Any], added_headers: AddedHeaders, observer: Observer) -> None:
        self.files, self.added_headers, self.observer = files, added_headers, observer
        self.kept: dict[str, Kept | None] = {}  # by file name, one for each encoding; None: too large
        self.found: dict[tuple[str, str], Kept | None] = {}  # by path and Accept-Encoding
        self.room = ROOM
        self.reading = threading.Lock()

    def answer(self, request: Request, streams: Streams) -> bool:
        """Return whether the request is answered here. Its environ is already prepared (request_middleware.py)."""
        environ = request.environ
        path = environ["PATH_INFO"]
        if path not in self.files or environ["REQUEST_METHOD"] != "GET":
            return False
        for name in NOT_PLAIN:
            if name in environ:
                return False
        begun = time.perf_counter()
        kept = self.look_up(path, environ)
        if kept is None:
            return False
        seconds = time.perf_counter() - begun
        self.observer.record_response("GET", path, 200, seconds, environ["REMOTE_ADDR"], environ["HTTP_X_REQUEST_ID"])
        added = self.added_headers.wsgi_headers(environ, seconds)
        if isinstance(kept.body, bytes) and request.transport.is_suspicious:
            streams.send_fenced(request, 200, kept.headers + added, kept.body)
        elif isinstance(kept.body, bytes):
            request.transport.begin_raw(200, kept.raw_headers + encode_headers(added))
            request.transport.end(kept.body)
        else:
            streams.send(request, 200, kept.headers + added, streams.memory_parts(kept.body))
        return True

    def look_up(self, path: str, environ: dict[str, Any]) -> Kept | None:
        """Return what was found for this path and Accept-Encoding; it is remembered.

        servestatic would try one encoding after the other each time.
        """
        key = path, environ.get("HTTP_ACCEPT_ENCODING", "")
        if key in self.found:
            return self.found[key]
        kept = self.find(self.files[path], environ)
        if len(self.found) < MOST_FOUND and len(key[1]) < LONGEST_REMEMBERED:
            self.found[key] = kept
        return kept

    def find(self, file: Any, environ: dict[str, Any]) -> Kept | None:
        if not isinstance(file, StaticFile):  # a redirect
            return None
        name, headers = file.get_path_and_headers(environ)
        if name not in self.kept:
            with self.reading:
                if name not in self.kept:
                    self.kept[name] = self.read(Path(name), headers)
        return self.kept[name]

    def read(self, path: Path, headers: list[tuple[str, str | None]]) -> Kept | None:
        size = path.stat().st_size
        if size > self.room // 2:  # so that one large file leaves room for many small ones
            return None
        self.room -= size
        given = [(key, value) for key, value in headers if value is not None]
        if size <= WHOLE:
            return Kept(given, encode_headers(given), path.read_bytes())
        with path.open("rb") as file:
            return Kept(given, encode_headers(given), [*iter(lambda: file.read(MAX_PART_SIZE), b"")])
