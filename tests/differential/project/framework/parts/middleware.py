import asyncio

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpResponse
from django.utils.decorators import sync_and_async_middleware

LOG = []


class Classic:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response["X-Classic"] = "yes"
        return response

    def process_view(self, request, view, args, kwargs):
        LOG.append(("view", getattr(view, "__name__", "?")))

    def process_exception(self, request, exception):
        LOG.append(("exception", str(exception)))
        if "to be answered" in str(exception):
            return HttpResponse("answered by a middleware", status=418)

    def process_template_response(self, request, response):
        response.context_data["name"] = "from the middleware"
        return response


@sync_and_async_middleware
def both_kinds(get_response):
    if iscoroutinefunction(get_response):

        async def middleware(request):
            response = await get_response(request)
            response["X-Kind"] = "async"
            return response

    else:

        def middleware(request):
            response = get_response(request)
            response["X-Kind"] = "sync"
            return response

    return middleware
