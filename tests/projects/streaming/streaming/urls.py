import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


async def count(request: HttpRequest) -> StreamingHttpResponse:
    """A number each tenth of a second, or up to ``?fails=``; tells by a file that nobody listens any more."""

    async def numbers() -> AsyncIterator[str]:
        try:
            for number in range(int(request.GET["to"])):
                yield f"{number}\n"
                assert str(number) != request.GET.get("fails")
                await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            Path(request.GET["left"]).touch()
            raise

    return StreamingHttpResponse(numbers(), content_type="text/plain")


async def slow(request: HttpRequest) -> HttpResponse:
    """Answers after ``?seconds=``; tells by files that it has begun, and that its client has left."""
    Path(request.GET["begun"]).touch()
    try:
        await asyncio.sleep(float(request.GET["seconds"]))
    except asyncio.CancelledError:
        Path(request.GET["left"]).touch()
        raise
    return HttpResponse("done")


@csrf_exempt
async def size(request: HttpRequest) -> HttpResponse:
    """How much has come."""
    return HttpResponse(str(len(request.body)))


async def large(request: HttpRequest) -> HttpResponse:
    """``?size=`` bytes, whole."""
    return HttpResponse(b"a" * int(request.GET.get("size", 2 << 20)), content_type="text/plain")


async def endless(request: HttpRequest) -> StreamingHttpResponse:
    """Parts that are at hand, without end."""

    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"a" * 60_000

    return StreamingHttpResponse(parts(), content_type="text/event-stream")


@csrf_exempt
async def echo(request: HttpRequest, rest: str = "") -> JsonResponse:
    """What has come: META, cookies, the size and the hash of the body."""
    body = request.body
    meta = {name: value for name, value in request.META.items() if isinstance(value, str)}
    told = {"meta": meta, "cookies": request.COOKIES, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return JsonResponse(told)


async def heard(request: HttpRequest) -> JsonResponse:
    """What the site believes of its client."""
    return JsonResponse([request.META["REMOTE_ADDR"], request.scheme, dict(request.headers)], safe=False)


urlpatterns = [
    path("count/", count),
    path("slow/", slow),
    path("size/", size),
    path("large/", large),
    path("endless/", endless),
    path("echo/", echo),
    path("echo/<path:rest>", echo),
    path("heard/", heard),
]
