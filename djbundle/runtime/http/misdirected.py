"""Answers a request for a host that is not in ALLOWED_HOSTS with 421 instead of an error that is logged and mailed.

Robots send such requests all day. Django raises DisallowedHost where the host is asked for, and middleware of the
project may come before that: it may change the host, or answer by itself. So Django decides, as ever, and only what it
then does with DisallowedHost is changed.
"""

import threading
import time
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers import exception as exceptions
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port

from djbundle.runtime.logs.formats import printable
from djbundle.runtime.logs.lines import log

LOG_INTERVAL = 60.0  # seconds
MAX_LOGGED_SIZE = 100  # characters of a host

_module: Any = exceptions
_respond: Any = _module.response_for_exception


def answer_misdirected() -> None:
    """Change what Django does with DisallowedHost in this process. With DEBUG, its page stays."""
    _module.response_for_exception = _response_for_exception


def _response_for_exception(request: HttpRequest, error: Exception) -> Any:
    if not isinstance(error, DisallowedHost) or settings.DEBUG:
        return _respond(request, error)
    host = raw_host(request)
    is_host = bool(split_domain_port(host)[0])
    if is_host:
        _report.note(host)
    status = HTTPStatus.MISDIRECTED_REQUEST if is_host else HTTPStatus.BAD_REQUEST  # RFC 9110, 15.5.20 and 7.2
    return HttpResponse(f"{status.phrase}\n", status=status, content_type="text/plain")


def raw_host(request: HttpRequest) -> str:
    """Return the host that the request names, which Django has refused."""
    name = "HTTP_X_FORWARDED_HOST" if settings.USE_X_FORWARDED_HOST else "HTTP_HOST"
    return str(request.META.get(name) or request.META.get("HTTP_HOST") or request.META["SERVER_NAME"])


class Report:
    """Names refused hosts in the log, but not each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logged_at = float("-inf")  # monotonic seconds

    def note(self, host: str) -> None:
        with self._lock:
            if time.monotonic() - self._logged_at < LOG_INTERVAL:
                return
            self._logged_at = time.monotonic()
        log(f"answered 421: ALLOWED_HOSTS does not have {printable(host[:MAX_LOGGED_SIZE])}", "warning")


_report = Report()
