"""The probe request before the first real one: a new version that cannot answer it does not take over."""

import subprocess
import sys

import pytest

# The front page runs `view`, and may take `patience` seconds.
PROBE = """
import os, signal, sys, time
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

view, patience = sys.argv[1:]

def front_page(request):
    exec(view)
    return HttpResponse()

settings.configure(ROOT_URLCONF="__main__", ALLOWED_HOSTS=["shop.example"], LOGGING_CONFIG=None)
urlpatterns = [path("", front_page)]

import django
from djbundle.errors import UnhealthyError
from djbundle.runtime.handover import front_page_probe as probe

django.setup()
probe.PROBE_TIMEOUT = int(patience)
try:
    probe.probe_site()
except UnhealthyError as error:
    print(error.cause)
else:
    print("it answers")
"""


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("pass", "it answers"),
        ("assert request.get_host() == 'shop.example' and request.is_secure()", "it answers"),
        ("1 / 0", "/ fails: ZeroDivisionError('division by zero')"),
        ("time.sleep(600)", "/ fails: no answer within 1 s"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "/ fails: the process was killed"),
        ("os._exit(3)", "/ fails: the process ended with code 3"),
        ("sys.exit(3)", "/ fails: SystemExit(3)"),
    ],
)
def test_front_page(view: str, message: str) -> None:
    patience = "1" if "sleep" in view else "60"
    command = [sys.executable, "-c", PROBE, view, patience]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert result.stdout.splitlines()[-1].startswith(message)


@pytest.mark.parametrize("view", ["from django.http import Http404; raise Http404", "1 / 0"])
def test_only_failures_are_logged(view: str) -> None:
    """Django logs them to standard error if no logging is configured."""
    result = subprocess.run(
        [sys.executable, "-c", PROBE, view, "60"], capture_output=True, text=True, check=True, timeout=120
    )
    assert ("ZeroDivisionError" in result.stderr) == ("1 / 0" in view)
    assert "Not Found" not in result.stderr


def test_what_the_page_opens_is_not_there_afterwards() -> None:
    """Threads of a view would not survive in the processes that are forked next."""
    view = "import threading; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    counted = f"{PROBE}\nimport threading; print(threading.active_count())"
    result = subprocess.run(
        [sys.executable, "-c", counted, view, "60"], capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.split() == ["it", "answers", "1"]
