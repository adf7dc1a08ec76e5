"""Pages at which tests/attacks aim: large ones, and those that tell what of a request has come."""

import hashlib
import sys
import threading
from collections.abc import Iterator

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from notes.models import Note

PART = b"a" * (64 << 10)


def size_of(request: HttpRequest) -> int:
    """``?size=`` in bytes; 2 MB without it."""
    return int(request.GET.get("size", 2 << 20))


def large(request: HttpRequest) -> HttpResponse:
    """An answer that is whole before it is sent."""
    return HttpResponse(b"a" * size_of(request), content_type="text/plain")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """An answer in parts, which are made while it is sent."""

    def parts() -> Iterator[bytes]:
        for _ in range(size_of(request) // len(PART)):
            yield PART

    return StreamingHttpResponse(parts(), content_type="text/plain")


def reflected(_request: HttpRequest, value: str) -> HttpResponse:
    """A value in a header."""
    return HttpResponse("", headers={"X-Value": value})


@csrf_exempt
def echo(request: HttpRequest, rest: str = "") -> JsonResponse:
    """What has come: META, cookies, the size and the hash of the body."""
    body = request.read()
    meta = {name: value for name, value in request.META.items() if isinstance(value, str)}
    told = {"meta": meta, "cookies": request.COOKIES, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return JsonResponse(told)


def odd(request: HttpRequest) -> HttpResponse:
    """A reason of its own, and a header with a byte above 127."""
    return HttpResponse("odd", status=202, reason="Oddly Fine", headers={"X-City": "Z\xfcrich"})


def leave(request: HttpRequest) -> HttpResponse:
    """What Django does not turn into an answer."""
    sys.exit(request.GET["why"])


def leave_transaction(request: HttpRequest) -> HttpResponse:
    """A thread that ends in a transaction."""

    def begin() -> None:
        transaction.atomic().__enter__()
        Note.objects.create(text="never committed")

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    return HttpResponse("")


def fail(request: HttpRequest) -> HttpResponse:
    """An error of the site."""
    password = request.GET.get("password", "")
    raise ValueError(f"the cart is gone: {request.GET['why']}" + password[:0])
