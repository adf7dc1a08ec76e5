from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def refuse(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Fail for a file that is not there, as a middleware does that lacks a row."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path.endswith("/refused.png"):
            raise LookupError("no row")
        return get_response(request)

    return answer
