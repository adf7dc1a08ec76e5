import os
import threading

import django
from django.http import HttpResponse, JsonResponse
from django.urls import path

from threaded import background, tasks

if django.VERSION >= (6,):
    from django.tasks import default_task_backend
else:
    from django_tasks import default_task_backend


def double(request):
    """Answer the double of 21, if the consumer lives."""
    background.numbers.put(21)
    try:
        return HttpResponse(str(background.doubles.get(timeout=5)))
    except background.queue.Empty:
        return HttpResponse("nobody", status=504)


def program(request):
    (started,) = background.programs
    started.stdin.write("42\n")
    return HttpResponse(f"{started.stdout.readline().strip()} {started.poll()}")


def late(request):
    return HttpResponse(background.write_late())


def threads(request):
    return JsonResponse({"pid": os.getpid(), "threads": [each.name for each in threading.enumerate()]})


def enqueue(request):
    return HttpResponse(str(tasks.add.enqueue(20, 22).id))


def enqueue_double(request):
    return HttpResponse(str(tasks.double.enqueue(21).id))


def result(request, key):
    found = default_task_backend.get_result(key)
    return HttpResponse(
        str(found.return_value if found.status == "SUCCESSFUL" else found.status) if found.is_finished else ""
    )


urlpatterns = [
    path("", double),
    path("late/", late),
    path("program/", program),
    path("threads/", threads),
    path("enqueue/", enqueue),
    path("enqueue/double/", enqueue_double),
    path("result/<key>/", result),
]
