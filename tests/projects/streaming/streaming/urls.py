import asyncio
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


async def heard(request: HttpRequest) -> JsonResponse:
    """What the site believes of its client."""
    return JsonResponse([request.META["REMOTE_ADDR"], request.scheme, dict(request.headers)], safe=False)


urlpatterns = [path("count/", count), path("slow/", slow), path("size/", size), path("heard/", heard)]
