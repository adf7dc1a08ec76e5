import json
import os
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from deep import running
from deep.chains import CHAINS
from deep.kinds import KINDS
from deep.tasks import run_kinds, run_kinds_in_loop


def names(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse([*(KINDS if name == "kinds" else CHAINS)], safe=False)


def fail(request: HttpRequest, name: str) -> HttpResponse:
    """Nothing is caught here."""
    return HttpResponse(str(KINDS[name]()))


def run(request: HttpRequest, name: str) -> HttpResponse:
    """`name` is a place; the kinds are in the query."""
    return JsonResponse(running.run_all(request.GET.getlist("kind"), name))


STOPPED: list[bool] = []


def busy(depth: int) -> bool:
    """Calls itself in no loop, and calls no bytecode; it takes ages if nobody stops it."""
    return bool(STOPPED) or (depth > 0 and (busy(depth - 1) or busy(depth - 1)))


@csrf_exempt
@require_POST
def wait(request: HttpRequest) -> HttpResponse:
    STOPPED.clear()
    return HttpResponse(str(busy(100)))


@csrf_exempt
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    STOPPED.append(True)
    return HttpResponse("")


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(each) for each in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max([depth(each) for each in value], default=0)
    return 0


@csrf_exempt
def walk(request: HttpRequest) -> HttpResponse:
    """As a site looks through what it is sent."""
    try:
        return JsonResponse({"depth": depth(json.loads(request.body)), "process": os.getpid()})
    except RecursionError:
        return JsonResponse({"depth": None, "process": os.getpid()})


def enqueue(request: HttpRequest, name: str) -> HttpResponse:
    task = run_kinds_in_loop if "loop" in request.GET else run_kinds
    return HttpResponse(task.enqueue(request.GET.getlist("kind"), name).id)


def result(request: HttpRequest, task: str) -> HttpResponse:
    found = run_kinds.get_backend().get_result(task)  # of either function
    return JsonResponse({"status": found.status, "ends": found.return_value if found.status == "SUCCESSFUL" else {}})
