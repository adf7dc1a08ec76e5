import importlib
import socket
from pathlib import Path

from django.contrib.auth import logout
from django.contrib.auth.decorators import user_passes_test
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path, re_path


def module(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(importlib.import_module("pack" + "aging_of_nobody").__name__)


def template(request: HttpRequest) -> HttpResponse:
    return render(request, "absent.html")


def image(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        '<img src="/static/absent.png"><img src="/static/refused.png"><a href="https://elsewhere.example/">'
    )


def network(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(socket.create_connection(("payments.example", 443))))


def parameter(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.GET["page"])


def outside(_request: HttpRequest) -> HttpResponse:
    """What is to be seen of the machine."""
    return HttpResponse(f"{sorted(path.name for path in Path('/').iterdir())} {socket.if_nameindex()}", status=500)


@user_passes_test(lambda user: user.is_superuser)
def secret(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("only a superuser sees this")


def bye(request: HttpRequest) -> HttpResponse:
    """Nothing in its path tells that it ends a session."""
    logout(request)
    return HttpResponse()


def argument(_request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(str(1 / number))


inner = [path("template/", template), re_path(r"^image/$", image), re_path(r"^(\d+)/$", argument)]


def once(_request: HttpRequest) -> HttpResponse:
    """Fail at the first request only."""
    _group, is_first = Group.objects.get_or_create(name="asked")
    assert not is_first, "nobody has asked before"
    return HttpResponse()


urlpatterns = [
    path("bye/", bye),
    path("module/", module),
    path("inner/", include(inner)),
    path("network/", network),
    path("parameter/", parameter),
    path("outside/", outside),
    path("secret/", secret),
    path("once/", once),
    path("<int:number>/", argument),
]
