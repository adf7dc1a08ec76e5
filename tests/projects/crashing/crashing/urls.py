"""Pages that are not answered, of which settings.PAGES are there."""

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path


def plain(_request: HttpRequest) -> HttpResponse:
    print("printed by a page")
    return HttpResponse("a plain page")


def leave(_request: HttpRequest) -> HttpResponse:
    """As a library in C does that gives up, or somebody's misplaced sys.exit() in a thread of its own."""
    print("the last words of the page", file=sys.stderr, flush=True)
    os._exit(0)


def crash(_request: HttpRequest) -> HttpResponse:
    """In this thread: with kill(2) another one may get the signal, and the page is answered before."""
    signal.raise_signal(signal.SIGSEGV)
    return HttpResponse()


def hang(_request: HttpRequest) -> HttpResponse:
    time.sleep(60)
    return HttpResponse()


def reset(_request: HttpRequest) -> HttpResponse:
    """Cut off everybody who is connected to this process, but not those that wait to be."""
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(each.name))) as connection:
            if connection.family == socket.AF_INET and connection.getpeername():
                connection.shutdown(socket.SHUT_RDWR)
    return HttpResponse()


PAGES = {"plain": plain, "leave": leave, "crash": crash, "hang": hang, "reset": reset}
urlpatterns = [path(f"{name}/", PAGES[name]) for name in settings.PAGES]
