"""Static files that browsers ask for all the time, answered from memory before a request to the site is made of it.

What is not the plain case is the site's: parts of a file, questions whether it has changed, methods other than GET,
large files. So this knows nothing that servestatic does not tell it.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

from servestatic.responders import StaticFile

from djbundle.runtime.http.observing import Observer
from djbundle.runtime.http.outgoing import Additions, Headers

LARGEST = 256 << 10  # bytes of a file
ROOM = 16 << 20  # bytes of all that one process keeps
NOT_PLAIN = ("HTTP_RANGE", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING")


class Kept(NamedTuple):
    headers: Headers
    body: bytes


class Shortcut:
    """`files` is what servestatic has found, by path."""

    def __init__(self, files: dict[str, Any], additions: Additions, observer: Observer) -> None:
        self.files, self.additions, self.observer = files, additions, observer
        self.kept: dict[str, Kept | None] = {}  # by name; each encoding has its own; None: too large
        self.room = ROOM

    def answer(self, protocol: Any, environ: dict[str, Any]) -> bool:
        """Whether it is answered. `environ` is prepared (incoming.py)."""
        path = environ["PATH_INFO"]
        if path not in self.files or environ["REQUEST_METHOD"] != "GET":
            return False
        for name in NOT_PLAIN:
            if name in environ:
                return False
        begun = time.perf_counter()
        kept = self.find(self.files[path], environ)
        if kept is None:
            return False
        seconds = time.perf_counter() - begun
        self.observer.answered("GET", path, 200, seconds, environ["REMOTE_ADDR"], environ["HTTP_X_REQUEST_ID"])
        protocol.response_bytes(200, kept.headers + self.additions.wsgi_headers(environ, seconds), kept.body)
        return True

    def find(self, file: Any, environ: dict[str, Any]) -> Kept | None:
        if not isinstance(file, StaticFile):  # a redirect
            return None
        name, headers = file.get_path_and_headers(environ)
        if name not in self.kept:
            self.kept[name] = self.read(name, headers)
        return self.kept[name]

    def read(self, name: str, headers: list[tuple[str, str | None]]) -> Kept | None:
        size = Path(name).stat().st_size
        if size > min(LARGEST, self.room):
            return None
        self.room -= size
        return Kept([(key, value) for key, value in headers if value is not None], Path(name).read_bytes())
