"""Pages that questions and requests ask for."""

import asyncio
import io
import os

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import FileResponse, Http404, HttpResponse, HttpResponseNotModified, JsonResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt

CLOSED = []
COUNT = [0]


def number(request, number):
    return JsonResponse({"number": number, "view": request.resolver_match.view_name, "route": request.resolver_match.route})


def words(request, word, page=None):
    return JsonResponse({"word": word, "page": page})


class Parts:
    def __init__(self, parts):
        self.parts = iter(parts)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.parts)

    def close(self):
        CLOSED.append("closed")


def stream(request):
    return StreamingHttpResponse(Parts([b"one,", "two,", b"", b"three"]), content_type="text/csv")


async def _numbers():
    for i in range(3):
        await asyncio.sleep(0)
        yield f"{i};"


async def async_stream(request):
    return StreamingHttpResponse(_numbers())


@csrf_exempt
def upload(request):
    return JsonResponse(
        {
            "post": {key: request.POST.getlist(key) for key in request.POST},
            "files": [
                (key, each.name, each.size, each.content_type, {key: value.decode() for key, value in (each.content_type_extra or {}).items()}, each.read().decode("latin-1")[:20])
                for key, files in request.FILES.lists()
                for each in files
            ],
        }
    )


def session(request):
    request.session["count"] = request.session.get("count", 0) + 1
    request.session.set_expiry(600)
    return JsonResponse({"count": request.session["count"], "kind": type(request.session).__module__})


def message(request):
    messages.add_message(request, messages.WARNING, "mind <this>", extra_tags="odd")
    return JsonResponse({"messages": [(each.level_tag, each.tags, str(each)) for each in messages.get_messages(request)]})


def error(request, kind):
    errors = {
        "404": Http404("no such thing"),
        "403": PermissionDenied("no"),
        "400": BadRequest("bad"),
        "suspicious": SuspiciousOperation("odd"),
        "middleware": ValueError("to be answered"),
        "500": ZeroDivisionError("in the view"),
        "exit": SystemExit(3),
        "group": ExceptionGroup("several", [ValueError("a")]),
    }
    raise errors[kind]


async def asynchronous(request):
    from asgiref.sync import sync_to_async

    from framework.models import Entry

    count = await Entry.objects.filter(title="never").acount()
    name = await sync_to_async(lambda: type(request).__name__)()
    return JsonResponse({"count": count, "request": name})


IGNORED = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "REMOTE_PORT", "SERVER_SOFTWARE", "HTTP_X_REQUEST_ID")


def meta(request):
    names = {
        key: value
        for key, value in request.META.items()
        if isinstance(value, (str, bool, int)) and key not in IGNORED and (key.isupper() or key[:5] == "wsgi.")
        and key not in os.environ and not key.startswith(("DJB", "wsgi.multi"))
    }
    return JsonResponse(names)


@csrf_exempt
def echo(request):
    try:
        body = request.body.decode("latin-1")
    except Exception as error:
        body = f"raises {type(error).__name__}"
    return JsonResponse(
        {
            "method": request.method,
            "path": request.path,
            "path_info": request.META["PATH_INFO"],
            "script": request.META["SCRIPT_NAME"],
            "query": request.META["QUERY_STRING"],
            "get": {key: request.GET.getlist(key) for key in request.GET},
            "body": body[:60],
            "size": len(body),
            "type": request.content_type,
            "length": request.META.get("CONTENT_LENGTH"),
            "headers": {k: v for k, v in request.headers.items() if (k.startswith("X-") and k != "X-Request-Id") or k in ("Cookie", "Accept")},
            "cookies": request.COOKIES,
            "secure": request.is_secure(),
            "full": request.get_full_path(),
        }
    )


@csrf_exempt
def raw(request, kind):
    if kind == "cookies":
        response = HttpResponse("two cookies")
        response.set_cookie("a", "1", httponly=True, samesite="Lax", max_age=60, secure=True)
        response.set_cookie("b", 'quoted "ä" value')
        response.delete_cookie("c")
    elif kind == "status":
        response = HttpResponse("odd", status=299, reason="Odd Indeed")
    elif kind == "empty":
        response = HttpResponse(status=204)
    elif kind == "not-modified":
        response = HttpResponseNotModified()
    elif kind == "headers":
        response = HttpResponse(b"x" * 10, headers={"X-Many": "a, b", "x-lower": "1", "X-Long": "y" * 5000, "Vary": "Z"})
        response["X-Text"] = "ümlaut"
    elif kind == "bytes":
        response = HttpResponse([b"a", "b", memoryview(b"c")], content_type="application/octet-stream")
    elif kind == "length":
        response = HttpResponse("short", headers={"Content-Length": "5"})
    elif kind == "redirect":
        response = HttpResponse(status=302, headers={"Location": "/ä?b=ü"})
    elif kind == "unread":
        response = HttpResponse("did not read the body")
    elif kind == "big":
        response = HttpResponse(b"z" * 300000)
    elif kind == "json":
        response = JsonResponse({"ä": ["☃", 1.5, None]}, json_dumps_params={"ensure_ascii": False})
    else:
        response = HttpResponse(kind, content_type="text/plain; charset=latin-1", charset="latin-1")
    return response


def template_response(request):
    return TemplateResponse(request, "framework/child.html", {"name": "from the view"})


def file(request):
    return FileResponse(io.BytesIO(b"0123456789"), as_attachment=True, filename='ä "quoted".txt')


def any_path(request, rest):
    return JsonResponse({"rest": rest, "path": request.path})


@cache_page(60)
def cached(request):
    COUNT[0] += 1
    return JsonResponse({"count": COUNT[0]})


def not_found(request, exception):
    return HttpResponse(f"own handler: {type(exception).__name__}", status=404)
