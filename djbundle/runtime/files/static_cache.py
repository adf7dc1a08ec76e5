"""Answers frequent requests for static files from memory, before they become requests to the site.

Only the plain case is answered here. The site answers ranges, conditional requests, methods other than GET, and files
for which there is no room. So all that is known here comes from servestatic.
"""

import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from servestatic.responders import StaticFile

from djbundle.runtime.http.protocol.response_heads import ResponseHeads
from djbundle.runtime.http.protocol.transport import Headers, RawHeaders, Request, encode_headers
from djbundle.runtime.http.streaming.part_sizes import MAX_PART_SIZE
from djbundle.runtime.http.streaming.streams import Streams

MAX_UNSPLIT_SIZE = 64 << 10  # bytes of a file; a larger one is sent in parts
MAX_CACHE_SIZE = 16 << 20  # bytes of all files that one process keeps
MAX_LOOKUPS = 4096  # answers that are remembered; a limit, since clients may send any Accept-Encoding
MAX_ACCEPT_ENCODING_LENGTH = 128  # characters of Accept-Encoding
# A request with one of these is the site's.
BYPASS_KEYS = ("HTTP_RANGE", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING")


class CachedFile(NamedTuple):
    headers: Headers
    raw_headers: RawHeaders
    parts: list[bytes]  # of MAX_PART_SIZE bytes; an empty file has one empty part


class StaticCache:
    """The cache. `files` is what servestatic has found, by path."""

    def __init__(self, files: dict[str, Any], heads: ResponseHeads) -> None:
        self.files, self.heads = files, heads
        self.cached: dict[str, CachedFile | None] = {}  # by file name, one for each encoding; None: too large
        self.lookups: dict[tuple[str, str], CachedFile | None] = {}  # by path and Accept-Encoding
        self.free_bytes = MAX_CACHE_SIZE
        self.read_lock = threading.Lock()

    def answer(self, request: Request, streams: Streams) -> bool:
        """Return whether the request is answered here. Its environ is already prepared (request_middleware.py)."""
        environ = request.environ
        path = environ["PATH_INFO"]
        if path not in self.files or environ["REQUEST_METHOD"] != "GET":
            return False
        for name in BYPASS_KEYS:
            if name in environ:
                return False
        begun = time.perf_counter()
        cached = self.look_up(path, environ)
        if cached is None:
            return False
        seconds = time.perf_counter() - begun
        self.heads.record(request, 200, seconds)
        self.send(request, cached, self.heads.added(request, seconds), streams)
        return True

    @staticmethod
    def send(request: Request, cached: CachedFile, added: Headers, streams: Streams) -> None:
        """Send a file: whole if it is small, or of medium size and its client takes what it is sent."""
        transport, first = request.transport, cached.parts[0]
        is_small = len(first) <= MAX_UNSPLIT_SIZE
        if is_small and transport.is_suspicious:
            streams.send_fenced(request, 200, cached.headers + added, first)
        elif is_small or (len(cached.parts) == 1 and streams.may_send_whole(transport, len(first))):
            transport.begin_raw(200, cached.raw_headers + encode_headers(added))
            transport.end(first)
        else:
            streams.send(request, 200, cached.headers + added, streams.memory_parts(cached.parts))

    def look_up(self, path: str, environ: dict[str, Any]) -> CachedFile | None:
        """Return what was found for this path and Accept-Encoding; it is remembered.

        servestatic would try one encoding after the other each time.
        """
        key = path, environ.get("HTTP_ACCEPT_ENCODING", "")
        if key in self.lookups:
            return self.lookups[key]
        cached = self.find(self.files[path], environ)
        if len(self.lookups) < MAX_LOOKUPS and len(key[1]) < MAX_ACCEPT_ENCODING_LENGTH:
            self.lookups[key] = cached
        return cached

    def find(self, file: Any, environ: dict[str, Any]) -> CachedFile | None:
        if not isinstance(file, StaticFile):  # a redirect
            return None
        name, headers = file.get_path_and_headers(environ)
        if name not in self.cached:
            with self.read_lock:
                if name not in self.cached:
                    self.cached[name] = self.read(Path(name), headers)
        return self.cached[name]

    def read(self, path: Path, headers: list[tuple[str, str | None]]) -> CachedFile | None:
        size = path.stat().st_size
        if size > self.free_bytes // 2:  # so that one large file leaves room for many small ones
            return None
        self.free_bytes -= size
        present = [(key, value) for key, value in headers if value is not None]
        with path.open("rb") as file:
            parts = [*iter(lambda: file.read(MAX_PART_SIZE), b"")]
        return CachedFile(present, encode_headers(present), parts or [b""])
