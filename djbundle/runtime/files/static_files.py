"""Static files of the build and uploads of the site, served by servestatic before Django is entered."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from servestatic.asgi import FileServerASGI, ServeStaticASGI
from servestatic.wsgi import ServeStatic

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.files import uploads
from djbundle.runtime.files.ranged_file import RangedFiles
from djbundle.runtime.files.routes import Routes
from djbundle.runtime.http.protocol.transport import OPEN_FILE
from djbundle.runtime.process.heartbeat import AncestorMonitor


class LoadedSite(NamedTuple):
    """An application, the files of the build that servestatic has found by their paths, and what the project itself is.

    `watch` watches the processes above those that answer.
    """

    application: Any
    files: dict[str, Any]
    project: Any
    watch: AncestorMonitor | None = None


class WsgiFiles(RangedFiles, ServeStatic):  # type: ignore[misc]  # untyped
    """Static files in front of a WSGI application."""


class AsgiFiles(RangedFiles, ServeStaticASGI):  # type: ignore[misc]  # untyped
    """Static files in front of an ASGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer with a file. Look its path up in Unicode, as ASGI has it; servestatic would decode it as in WSGI."""
        file = self.files.get(scope["path"]) if scope["type"] == "http" else None
        if not file:
            await self.application(scope, receive, send)
        elif await scope[OPEN_FILE]():
            await FileServerASGI(file)(scope, receive, send)


def serve_files(application: Any, bundle: Bundle, *, media: bool) -> LoadedSite:
    """Wrap the project's application. With `media`, serve uploads where the project leaves that to us."""
    interface, project = bundle.manifest.interface, application
    files: dict[str, Any] = {}
    prefix = local_path(settings.MEDIA_URL)
    if media and not uploads.reason_not_to_serve(bundle, prefix):
        finder = uploads.Uploads(settings.MEDIA_ROOT, prefix, Routes(bundle))
        application = uploads.wrap(application, interface, finder)
    if prefix := local_path(settings.STATIC_URL):
        wrapper = WsgiFiles if interface == "wsgi" else AsgiFiles
        application = wrapper(
            application, root=bundle.static_root, prefix=prefix, immutable_file_test=hashed_name_test(prefix)
        )
        files = application.files
    return LoadedSite(application, files, project)


def local_path(url: str | None) -> str:
    """Return the path of a STATIC_URL or MEDIA_URL on this site; "" if another host serves it, or none does."""
    parts = urlsplit(url or "")
    return "" if parts.netloc or parts.path in ("", "/") else parts.path


def hashed_name_test(prefix: str) -> Callable[[str, str], bool]:
    """Return a test for names that carry a hash of their content, by the manifest of the storage."""
    hashed = frozenset(getattr(staticfiles_storage, "hashed_files", {}).values())
    return lambda _path, url: url.removeprefix(prefix) in hashed
