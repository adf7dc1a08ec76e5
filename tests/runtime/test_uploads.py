"""Uploads are public, and nothing else is; the project's own routes go first."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.apps import apps
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import clear_url_caches, include, path, register_converter
from django.utils import translation
from django.utils.translation import gettext_lazy
from django.views.static import serve

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.files import uploads
from djbundle.runtime.files.ranged_file import RangedFile
from djbundle.runtime.files.routes import Routes, is_translated
from djbundle.runtime.files.uploads import Uploads, reason_not_to_serve
from djbundle.runtime.http.protocol.transport import OPEN_FILE
from tests.runtime.overlays import make_bundle


def view(_request: HttpRequest, **_: str) -> HttpResponse:
    return HttpResponse()


class Broken:
    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        raise LookupError(value)

    to_url = str


register_converter(Broken, "broken")
urlpatterns: list[Any] = []


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bundle]:
    if not settings.configured:
        settings.configure(STATIC_URL="/static/")
    if not apps.ready:  # translations need the apps
        django.setup()
    new_bundle = make_bundle(tmp_path, monkeypatch)
    (new_bundle.data / "media" / "private").mkdir(parents=True)
    (new_bundle.data / "secret_key").write_text("secret")
    for name in ("a.txt", "a.txt.gz", "Zürich Łódź.png", "private/a.txt", "page.svg", ".hidden", "private/.git"):
        (new_bundle.data / "media" / name).write_text(name)
    with override_settings(ROOT_URLCONF=__name__, MEDIA_ROOT=str(new_bundle.data / "media"), MEDIA_URL="/media/"):
        yield new_bundle


def uploads_of(bundle: Bundle, *routes: Any) -> Uploads:
    urlpatterns[:] = routes
    clear_url_caches()
    return Uploads(settings.MEDIA_ROOT, "/media/", Routes(bundle))


def find(finder: Uploads, name: str) -> RangedFile | None:
    url_path = f"/media/{name}"
    return finder.find(url_path) if finder.may_have(url_path) else None


@pytest.mark.parametrize(
    "route",
    [
        path("media/private/<path:name>", view),
        path("media/private/<name>/", view),  # reached by a redirect of APPEND_SLASH
        path("media/private/<path:path>", login_required(serve), {"document_root": "media"}),
        path("media/private/<broken:name>", view),
        path("media/private/<path:path>", serve, {"document_root": "/elsewhere"}),
    ],
    ids=str,
)
def test_narrower_route_goes_first(bundle: Bundle, route: Any) -> None:
    """This is decided per path: uploads that the route does not match are served."""
    finder = uploads_of(bundle, route)
    assert find(finder, "private/a.txt") is None
    assert find(finder, "a.txt")


def test_djangos_own_view_is_taken_over(bundle: Bundle) -> None:
    for root in (settings.MEDIA_ROOT, Path(settings.MEDIA_ROOT), bundle.root / "media", "media"):
        assert find(uploads_of(bundle, path("media/<path:path>", serve, {"document_root": root})), "a.txt")


def test_route_of_another_urlconf_goes_first(bundle: Bundle) -> None:
    with override_settings(ROOT_URLCONF="tests.settings", PUBLIC_SCHEMA_URLCONF=__name__):
        assert find(uploads_of(bundle, path("media/private/<path:name>", view)), "private/a.txt") is None


def test_route_goes_first_in_every_language(bundle: Bundle) -> None:
    """A thread still has the language of the request before."""
    routes = i18n_patterns(path("media/private/<path:name>", view), prefix_default_language=False)
    finder = uploads_of(bundle, *routes)
    with translation.override("de"):
        assert find(finder, "private/a.txt") is None
        assert find(finder, "a.txt")


def test_translated_routes_are_known(bundle: Bundle) -> None:
    assert is_translated([path("media/", include([path(gettext_lazy("private/"), view)]))])
    assert not is_translated([path("media/", include([path("private/", view)]))])


@pytest.mark.parametrize(
    "name",
    ["../secret_key", ".hidden", "private/.git", "private", "private/", "", "link", "pipe", "sock", "a\0b", "x" * 5000],
)
def test_nothing_but_uploads(bundle: Bundle, name: str) -> None:
    media = bundle.data / "media"
    (media / "link").symlink_to("../secret_key")
    os.mkfifo(media / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(media / "sock"))
        assert find(uploads_of(bundle), name) is None


def test_no_upload_stands_for_another(bundle: Bundle) -> None:
    """`a.txt.gz` is a separate file, not a compressed a.txt: another user may have uploaded it."""
    finder = uploads_of(bundle)
    for name in ("a.txt", "a.txt.gz"):
        file = find(finder, name)
        assert file
        response = file.get_response("GET", {"HTTP_ACCEPT_ENCODING": "gzip, br, zstd"})
        with response.file:
            assert response.file.read() == name.encode()
        assert "Content-Encoding" not in dict(response.headers)


def test_scripts_do_not_run(bundle: Bundle) -> None:
    file = find(uploads_of(bundle), "page.svg")
    assert file
    headers = dict(file.get_response("HEAD", {}).headers)
    assert headers["Content-Disposition"] == "attachment"
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("root", ["", "/", "{data}", "{data}/..", "{tree}"])
def test_folder_with_more_than_uploads_is_not_served(bundle: Bundle, root: str) -> None:
    """MEDIA_ROOT = BASE_DIR would make the secret key public."""
    assert reason_not_to_serve(bundle, "/media/") is None
    with override_settings(MEDIA_ROOT=root.format(data=bundle.data, tree=bundle.root)):
        assert "holds more than uploads" in str(reason_not_to_serve(bundle, "/media/"))


def test_asgi_serves_them_too(bundle: Bundle) -> None:
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "asked", "path": scope["path"]})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def open_file() -> bool:
        return True

    def ask(name: str, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
        sent.clear()
        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": f"/media/{name}", "query_string": b""}
        scope |= {"headers": headers, OPEN_FILE: open_file}
        asyncio.run(uploads.wrap(application, "asgi", finder)(scope, None, send))
        return sent

    finder = uploads_of(bundle, path("media/private/<path:name>", view))
    start, *parts = ask("Zürich Łódź.png", (b"range", b"bytes=0-1,4-5"))
    assert start["status"] == 206
    assert b"".join(part["body"] for part in parts).count(b"Content-Range: bytes ") == 2
    assert ask("private/a.txt") == [{"type": "asked", "path": "/media/private/a.txt"}]
    assert ask("nothing") == [{"type": "asked", "path": "/media/nothing"}]
