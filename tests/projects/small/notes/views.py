import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from notes.models import Note
from notes.tasks import write_note


def index(request: HttpRequest) -> HttpResponse:
    words = Path(__file__).with_name("words.txt").read_text().split()
    return render(
        request, "notes/index.html", {"notes": Note.objects.all(), "words": words, "greeting": settings.GREETING}
    )


def slow(request: HttpRequest) -> HttpResponse:
    """Answers after ``?seconds=``; tells by a file that it has begun."""
    Path(request.GET["begun"]).touch()
    time.sleep(float(request.GET["seconds"]))
    return HttpResponse("done")


def count(request: HttpRequest) -> StreamingHttpResponse:
    """A number each tenth of a second; tells by a file that nobody listens any more."""

    def numbers() -> Iterator[str]:
        try:
            for number in range(int(request.GET.get("to", "3"))):
                yield f"{number}\n"
                time.sleep(0.1)
        except GeneratorExit:
            Path(request.GET["left"]).touch()
            raise

    return StreamingHttpResponse(numbers(), content_type="text/plain")


def write(request: HttpRequest) -> HttpResponse:
    return HttpResponse(write_note.enqueue(request.GET["text"]).id)


def whoami(request: HttpRequest) -> HttpResponse:
    """What the request says of its client."""
    said = (
        request.META["REMOTE_ADDR"],
        request.scheme,
        request.headers.get("X-Forwarded-For", ""),
        request.headers["X-Request-ID"],
    )
    return HttpResponse("\n".join(said), content_type="text/plain")


def heard(request: HttpRequest) -> JsonResponse:
    """What the site believes of its client."""
    return JsonResponse([request.META["REMOTE_ADDR"], request.scheme, dict(request.headers)], safe=False)


def guarded(request: HttpRequest, name: str) -> HttpResponse:
    """In front of some uploads."""
    return HttpResponse(f"who are you, to ask for {name}?", status=403)


@csrf_exempt
def size(request: HttpRequest) -> HttpResponse:
    """How much has come, and where uploads are kept while they come."""
    return HttpResponse(f"{len(request.read())} in {settings.FILE_UPLOAD_TEMP_DIR}")
