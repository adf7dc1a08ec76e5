"""Static files of the build and uploads of the site, answered by servestatic before Django is entered."""

import posixpath
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import Resolver404, resolve
from servestatic.asgi import ServeStaticASGI
from servestatic.wsgi import ServeStatic

from djbundle.runtime.bundle import Bundle

# What a browser shows and can run no script from. Everything else, HTML and SVG above all, is a download.
SAFE_SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".ico"),
        *(".mp3", ".ogg", ".oga", ".wav", ".flac", ".m4a", ".mp4", ".webm", ".ogv", ".mov"),
        *(".pdf", ".txt"),
    )
)
MEDIA_MAX_AGE = 60  # seconds; an upload may be replaced under the same name


class Site(NamedTuple):
    """An application, and what servestatic knows of the files of the build, by their paths."""

    application: Any
    files: dict[str, Any]


def serve_files(application: Any, bundle: Bundle) -> Site:
    """Wrap the project's application."""
    files: dict[str, Any] = {}
    wrapper = ServeStatic if bundle.manifest.interface == "wsgi" else ServeStaticASGI
    if serves_media():
        application = wrapper(
            application,
            root=settings.MEDIA_ROOT,
            prefix=local_prefix(settings.MEDIA_URL),
            autorefresh=True,  # uploads come and go while we serve
            max_age=MEDIA_MAX_AGE,
            allow_all_origins=False,
            add_headers_function=defuse_upload,
        )
    if prefix := local_prefix(settings.STATIC_URL):
        application = wrapper(
            application, root=bundle.static_root, prefix=prefix, immutable_file_test=hashed_name_test(prefix)
        )
        files = application.files
    return Site(application, files)


def local_prefix(url: str | None) -> str:
    """The path of a STATIC_URL or MEDIA_URL on this site; "" where another host or nobody serves it."""
    parts = urlsplit(url or "")
    return "" if parts.netloc or parts.path in ("", "/") else parts.path


def hashed_name_test(prefix: str) -> Callable[[str, str], bool]:
    """Tells the names that carry a hash of their content, by the manifest of the storage."""
    hashed = frozenset(getattr(staticfiles_storage, "hashed_files", {}).values())
    return lambda _path, url: url.removeprefix(prefix) in hashed


def serves_media() -> bool:
    """Whether uploads are ours to serve: on this host, kept in files, and with no view of the project in charge."""
    prefix = local_prefix(settings.MEDIA_URL)
    if not prefix or not settings.STORAGES["default"]["BACKEND"].endswith(".FileSystemStorage"):
        return False
    try:
        view = resolve(posixpath.join(prefix, "file")).func
    except Resolver404:
        return True
    return view.__module__ == "django.views.static"  # what projects put there for development


def defuse_upload(headers: Headers, path: str, _url: str) -> None:
    """An upload is a stranger's file: no guessing of its type, no script, no frame of this site."""
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if PurePosixPath(path).suffix.lower() not in SAFE_SUFFIXES:
        headers["Content-Disposition"] = "attachment"
