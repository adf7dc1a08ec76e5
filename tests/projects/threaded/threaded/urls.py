import os
import threading

from django.http import HttpResponse, JsonResponse
from django.urls import path

from threaded import background, tasks


def double(request):
    """Answer the double of 21, if the consumer lives."""
    background.numbers.put(21)
    try:
        return HttpResponse(str(background.doubles.get(timeout=5)))
    except background.queue.Empty:
        return HttpResponse("nobody", status=504)


def threads(request):
    return JsonResponse({"pid": os.getpid(), "threads": [each.name for each in threading.enumerate()]})


def enqueue(request):
    return HttpResponse(str(tasks.add.enqueue(20, 22).id))


def result(request, key):
    found = tasks.add.get_result(key)
    return HttpResponse(str(found.return_value) if found.is_finished else "")


urlpatterns = [
    path("", double),
    path("threads/", threads),
    path("enqueue/", enqueue),
    path("result/<key>/", result),
]
