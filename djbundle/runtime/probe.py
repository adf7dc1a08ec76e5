"""Whether a site that has been loaded answers: one request, before its first customer's."""

import sys
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception
from django.db import connections

from djbundle.errors import UnhealthyError

PATH = "/"


def probe_site() -> None:
    """Ask for the front page, as over HTTPS; raises UnhealthyError when it fails."""
    environ: dict[str, Any] = {"HTTP_HOST": _host(), "PATH_INFO": PATH, "wsgi.url_scheme": "https", "HTTPS": "on"}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    reasons: list[str] = []

    def start(status: str, _headers: Any, _exc_info: Any = None, /) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda _part: None

    def keep(**_: Any) -> None:
        reasons.append(" ".join(repr(sys.exception()).split()))

    got_request_exception.connect(keep)
    try:
        answer = WSGIHandler()(environ, start)
        for _ in answer:
            pass
        answer.close()
    finally:
        got_request_exception.disconnect(keep)
        connections.close_all()
    if statuses[0].startswith("5"):
        raise UnhealthyError(f"{PATH} fails: {(reasons or statuses)[0]}", "look at the log, and correct the site")


def _host() -> str:
    """A name by which the site lets itself be called."""
    named = (host.removeprefix(".") for host in settings.ALLOWED_HOSTS if host != "*")
    return next(named, "localhost")
