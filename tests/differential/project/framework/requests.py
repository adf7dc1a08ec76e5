"""Pages asked by Django's test client, inside of a request."""

import io
import json
import logging
import sys

from django.contrib.auth.models import User
from django.core.cache import cache, caches
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpRequest
from django.test import AsyncRequestFactory, Client, RequestFactory, override_settings
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter, technical_404_response, technical_500_response

from framework import pages
from framework.parts import middleware


def _get(path, **kw):
    response = Client(raise_request_exception=False, **kw).get(f"/framework/{path}")
    return response.status_code, response.content.decode()[:200]


def test_client():
    return _get("hex/ff/"), _get("old/word/page-3/"), _get("old/word/"), _get("hex/xyz/")


def headers_of_middleware():
    response = Client().get("/framework/hex/1/")
    return response["X-Classic"], response["X-Kind"], response["Content-Type"], "Content-Language" in response.headers


def own_handlers():
    return [_get(f"error/{kind}/") for kind in ("404", "403", "400", "suspicious", "middleware", "500", "group")]


def middleware_log():
    del middleware.LOG[:]
    _get("error/500/")
    return middleware.LOG


def raised_in_client():
    try:
        Client().get("/framework/error/500/")
    except ZeroDivisionError as error:
        return str(error)


def system_exit():
    try:
        Client().get("/framework/error/exit/")
    except SystemExit as error:
        return error.code


def streams():
    del pages.CLOSED[:]
    response = Client().get("/framework/stream/")
    parts = list(response.streaming_content)
    response.close()
    return [each.decode() for each in parts], pages.CLOSED, response.streaming, response.has_header("Content-Length")


def async_stream():
    response = Client().get("/framework/async-stream/")
    return b"".join(response).decode()


def async_view():
    return _get("async/")


def uploads():
    files = [SimpleUploadedFile("ä b.txt", b"one", "text/plain"), SimpleUploadedFile("../../etc/passwd", b"two")]
    big = SimpleUploadedFile("big.bin", b"z" * 3_000_000, "application/x-odd")
    response = Client().post("/framework/upload/", {"a": ["1", "2"], "f": files, "big": big})
    return response.json()


def upload_handlers():
    with override_settings(FILE_UPLOAD_MAX_MEMORY_SIZE=10):
        response = Client().post("/framework/upload/", {"f": SimpleUploadedFile("x.txt", b"y" * 100)})
    return response.json()


def upload_too_large():
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10):
        response = Client(raise_request_exception=False).post("/framework/upload/", {"a": "b" * 100})
    return response.status_code


def sessions():
    client = Client()
    answers = [client.get("/framework/session/").json() for _ in range(2)]
    cookie = client.cookies["sessionid"]
    return answers, cookie["httponly"], cookie["max-age"], cookie["samesite"], client.session.get_expiry_age()


def signed_sessions():
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"):
        client = Client()
        return [client.get("/framework/session/").json() for _ in range(2)]


def messages_():
    return Client().get("/framework/message/").json()


def admin_pages():
    with transaction.atomic():
        user = User.objects.create_superuser("odd", "odd@example.com", "password")
        client = Client()
        client.force_login(user)
        listing = client.get("/admin/framework/entry/")
        add = client.post("/admin/framework/entry/add/", {"title": ""})
        transaction.set_rollback(True)
    return listing.status_code, "Shouted" in listing.content.decode(), add.status_code, add.context["errors"].as_data().__class__.__name__ if add.context else None


def login_refused():
    response = Client().get("/admin/", follow=True)
    return response.redirect_chain, response.status_code


def passwords():
    user = User(username="x")
    user.set_password("secret")
    return user.password.split("$")[:2], user.check_password("secret"), user.check_password("no")


def template_pages():
    return _get("template/"), _get("template-response/")


def file_response():
    response = Client().get("/framework/file/")
    return response["Content-Disposition"], response["Content-Length"], b"".join(response.streaming_content).decode()


def cached_page():
    cache.clear()
    answers = [Client().get("/framework/cached/") for _ in range(2)]
    return answers[0].json() == answers[1].json(), answers[1]["Cache-Control"]


def caches_():
    cache.set("ä key", {"v": [1]}, 60)
    cache.add("ä key", 2)
    cache.set_many({"a": 1, "b": 2})
    cache.incr("a", 5)
    cache.set("version", 1, version=2)
    try:
        cache.incr("nope")
    except ValueError as error:
        text = str(error)
    return (
        *(cache.get("ä key"), cache.get_many(["a", "b", "c"]), text, cache.get("version"), cache.get("version", version=2)),
        *(cache.get_or_set("made", lambda: "by a lambda"), cache.touch("a", 1), "b" in cache, cache.delete("b"), len(caches.settings)),
    )


def cache_holds_objects():
    cache.set("object", pages.Parts([1]) and SimpleUploadedFile("x", b"y"))
    return type(cache.get("object")).__name__


def cache_refuses():
    try:
        cache.set("function", lambda: 1)
        return "kept"
    except Exception as error:
        return type(error).__name__, str(error)


def debug_page():
    request = RequestFactory().get("/somewhere/?a=b", HTTP_X_ODD="1")
    try:
        secret_key = "hidden"  # noqa: F841
        visible = [1, 2]  # noqa: F841
        {}["missing"]
    except KeyError:
        reporter = ExceptionReporter(request, *sys.exc_info())
        data = reporter.get_traceback_data()
        frame = data["frames"][-1]
        html = reporter.get_traceback_html()
        return (
            *(data["exception_type"], data["exception_value"], frame["function"], frame["context_line"].strip()),
            *(len(frame["pre_context"]), len(frame["post_context"]), frame["type"], "missing" in html),
            *([name for name, _ in frame["vars"]], frame["pre_context"][-1].strip()),
        )


def debug_text():
    try:
        int("x")
    except ValueError:
        text = ExceptionReporter(None, *sys.exc_info(), is_email=True).get_traceback_text()
    return [line.strip() for line in text.splitlines() if "Exception" in line or "int(" in line]


def technical_pages():
    request = RequestFactory().get("/x/")
    try:
        raise LookupError("technical")
    except LookupError:
        response = technical_500_response(request, *sys.exc_info())
    return response.status_code, b"technical" in response.content, b"debug_text" in response.content


def debug_mode():
    with override_settings(DEBUG=True):
        response = Client(raise_request_exception=False).get("/framework/error/500/")
        missing = Client(raise_request_exception=False).get("/none/none/none/")
    return response.status_code, b"Traceback" in response.content, b"in the view" in response.content, missing.status_code


def settings_hidden():
    found = SafeExceptionReporterFilter().get_safe_settings()
    return found["SECRET_KEY"], found["ROOT_URLCONF"]


def error_is_logged():
    seen = []

    class Keep(logging.Handler):
        def emit(self, record):
            seen.append((record.name, record.levelname, record.getMessage(), record.exc_info[0].__name__ if record.exc_info else None, record.status_code))

    handler = Keep()
    logging.getLogger("django.request").addHandler(handler)
    try:
        _get("error/500/")
        _get("error/404/")
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    return seen


def request_factory():
    request = RequestFactory().post("/x/?q=1", json.dumps({"a": 1}), content_type="application/json")
    return request.body.decode(), request.GET, request.content_type, repr(request), AsyncRequestFactory().get("/y").path


def request_copied():
    import copy
    import pickle

    request = HttpRequest()
    request.META["x"] = 1
    try:
        return pickle.loads(pickle.dumps(copy.copy(request))).META
    except Exception as error:
        return type(error).__name__


def language_of_request():
    return [
        Client().get("/framework/hex/1/", headers={"accept-language": language})["Content-Language"]
        for language in ("de", "de-at,en;q=0.5", "xx", "pl")
    ]


def csrf():
    client = Client(enforce_csrf_checks=True)
    return client.post("/framework/i18n/setlang/", {"language": "de"}).status_code, client.cookies.keys().__class__.__name__


def set_language():
    response = Client().post("/framework/i18n/setlang/", {"language": "de", "next": "/x"})
    return response.status_code, response["Location"], response.cookies["django_language"].value


def handler_of_wsgi():
    from site_.wsgi import application

    environ = RequestFactory()._base_environ(PATH_INFO="/framework/hex/10/", REQUEST_METHOD="GET")
    seen = {}
    body = application(environ, lambda status, headers: seen.update(status=status, headers=dict(headers)))
    return seen["status"], b"".join(body).decode(), type(application).__name__


def handler_of_asgi():
    import asyncio

    from django.core.handlers.asgi import ASGIHandler

    async def ask():
        sent, received = [], []
        scope = {"type": "http", "method": "GET", "path": "/framework/hex/a/", "headers": [], "query_string": b""}

        async def receive():
            if received:
                await asyncio.sleep(5)
            received.append(1)
            return {"type": "http.request", "body": b""}

        async def send(message):
            sent.append(message)

        await ASGIHandler()(scope, receive, send)
        return [each["type"] for each in sent], sent[1]["body"].decode()

    return asyncio.run(ask())


def live_settings():
    from django.conf import settings

    with override_settings(ODD_SETTING=[1]):
        inside = settings.ODD_SETTING
    return inside, hasattr(settings, "ODD_SETTING"), repr(settings), settings.is_overridden("TIME_ZONE"), type(settings.BASE_DIR).__name__
