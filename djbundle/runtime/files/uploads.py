"""Serves uploads of the site before Django is entered. They are public, like the files of any web server.

The project's routes take precedence: to require a login for some uploads, write a view for their paths. Hidden files
(``.git``), files that are not regular, and links that lead out of the folder are never served.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from servestatic.asgi import FileServerASGI
from servestatic.base import ServeStaticBase
from servestatic.responders import NotARegularFileError
from servestatic.utils import decode_path_info
from servestatic.wsgi import FileServerWSGI

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.files.ranged_file import RangedFile, RangedFiles
from djbundle.runtime.files.routes import Routes
from djbundle.runtime.http.protocol.transport import OPEN_FILE

# What a browser shows without running scripts. All other files, above all HTML and SVG, are downloads.
SAFE_SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".ico"),
        *(".mp3", ".ogg", ".oga", ".wav", ".flac", ".m4a", ".mp4", ".webm", ".ogv", ".mov"),
        *(".pdf", ".txt"),
    )
)
MAX_AGE = 60  # seconds; an upload may be replaced under the same name
BLOCK_SIZE = 64 << 10  # bytes


class Uploads(RangedFiles, ServeStaticBase):  # type: ignore[misc]  # untyped
    """Finds uploads at each request, since they come and go while the site runs."""

    encodings = ()  # shop.txt.gz is an upload of its own, perhaps of another user

    def __init__(self, root: Path | str, prefix: str, routes: Routes) -> None:
        self._prefix, self._routes = prefix, routes
        super().__init__(
            None,
            root=root,
            prefix=prefix,
            autorefresh=True,
            max_age=MAX_AGE,
            allow_all_origins=False,
            immutable_file_test=lambda _path, _url: False,
            add_headers_function=add_security_headers,
        )

    def initialize(self) -> None:
        """Do nothing: there is no application behind the uploads."""

    @staticmethod
    def is_compressed_variant(path: str, stat_cache: Any = None) -> bool:  # noqa: ARG004 - servestatic's
        return False

    def may_have(self, path: str) -> bool:
        """Return whether the path may be that of an upload, which is worth a look at the disk."""
        return path.startswith(self._prefix) and "/." not in path

    def find(self, path: str) -> RangedFile | None:
        """Return the upload, unless the project has a view for this path."""
        try:
            file = self.find_file(path)
        except (NotARegularFileError, OSError):  # a socket, a name that is too long, a file that we may not read
            return None
        return None if file is None or self._routes.has_view(path) else file


def add_security_headers(headers: Headers, path: str, _url: str) -> None:
    """Make an untrusted upload harmless: no guessing of its type, no script, no frame of this site."""
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if PurePosixPath(path).suffix.lower() not in SAFE_SUFFIXES:
        headers["Content-Disposition"] = "attachment"


def reason_not_to_serve(bundle: Bundle, prefix: str) -> str | None:
    """Return why we may not serve uploads, or None if we may. `prefix` is the path of MEDIA_URL on this site."""
    if not prefix:
        return "MEDIA_URL names no path of this site"
    if not settings.STORAGES["default"]["BACKEND"].endswith(".FileSystemStorage"):
        return f"they are kept by {settings.STORAGES['default']['BACKEND']}"
    root = Path(settings.MEDIA_ROOT or "/").resolve()
    if bundle.data.resolve().is_relative_to(root) or bundle.is_inside(root):
        return f"MEDIA_ROOT ({root}) holds more than uploads"
    return None


def wrap(application: Any, interface: str, uploads: Uploads) -> Any:
    """Return the application of `interface`, with uploads in front."""
    return _wsgi(application, uploads) if interface == "wsgi" else _asgi(application, uploads)


def _wsgi(application: Any, uploads: Uploads) -> Any:
    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        path = decode_path_info(environ["PATH_INFO"])
        file = uploads.find(path) if uploads.may_have(path) else None
        return FileServerWSGI(file)(environ, start_response) if file else application(environ, start_response)

    return middleware


def _asgi(application: Any, uploads: Uploads) -> Callable[..., Awaitable[None]]:
    async def middleware(scope: dict[str, Any], receive: Any, send: Any) -> None:
        is_candidate = scope["type"] == "http" and uploads.may_have(scope["path"])
        file = await asyncio.to_thread(uploads.find, scope["path"]) if is_candidate else None
        if file is None:
            await application(scope, receive, send)
            return
        if await scope[OPEN_FILE]():
            server = FileServerASGI(file)
            server.block_size = BLOCK_SIZE
            await server(scope, receive, send)

    return middleware
