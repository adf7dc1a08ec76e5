"""Checks that a loaded site answers: sends one request before the first client does."""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception
from django.db import connections

from djbundle.common.child import ChildDiedError, run_in_child
from djbundle.common.processes import set_process_name
from djbundle.errors import UnhealthyError
from djbundle.runtime.logs import lines
from djbundle.runtime.process.exit_reason import MAX_ERROR_LENGTH, describe_exit

PATH = "/"
PROBE_TIMEOUT = 60  # seconds


def probe_site(*, is_child: bool = False) -> None:
    """Request the front page; raise UnhealthyError if it fails.

    The request runs in a process of its own: what a view opens and keeps (threads, connections to servers) must not be
    there when the workers are forked. With `is_child`, this is such a process already, and the page may need its
    threads. So the request runs in a thread, with the same time limit.
    """
    connections.close_all()
    if is_child:
        raise_failure(probe_in_thread())
        return
    try:
        failure = run_in_child(probe, PROBE_TIMEOUT)
    except TimeoutError:
        failure = f"no answer within {PROBE_TIMEOUT} s"
    except ChildDiedError as death:
        failure = f"the process {describe_exit(death.code, '', is_out_of_memory=False)}"
    raise_failure(failure)


def raise_failure(failure: str) -> None:
    if failure:
        raise UnhealthyError(f"{PATH} fails: {failure[:MAX_ERROR_LENGTH]}", "look at the log, and correct the site")


def probe_in_thread() -> str:
    """Return why the front page failed, or "" if it did not; the log is as quiet meanwhile as in a forked process."""
    failures: list[str] = []
    thread = threading.Thread(target=lambda: failures.append(failure_of_probe()), daemon=True)
    logging.disable(logging.WARNING)  # a site need not have a front page, and no client has requested it
    thread.start()
    thread.join(PROBE_TIMEOUT)
    logging.disable(logging.NOTSET)
    return failures[0] if failures else f"no answer within {PROBE_TIMEOUT} s"


def probe() -> str:
    """Do the work of the child: return why the front page failed, or "" if it did not."""
    set_process_name("probe")
    os.setpgid(0, 0)  # Ctrl-C on the terminal reaches the supervisor alone
    logging.disable(logging.WARNING)  # a site need not have a front page, and no client has requested it
    return failure_of_probe()


def failure_of_probe() -> str:
    try:
        return failure_of_front_page()
    except BaseException as error:  # of a middleware, which may even exit
        lines.write("error", "serve", "the probe failed", trace=traceback.format_exc())
        return repr(error)


def failure_of_front_page() -> str:
    """Request the front page as if over HTTPS; return why it failed, or "" if it did not."""
    environ: dict[str, Any] = {"HTTP_HOST": _host(), "PATH_INFO": PATH, "wsgi.url_scheme": "https", "HTTPS": "on"}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    reasons: list[str] = []

    def start(status: str, _headers: Any, _exc_info: Any = None, /) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda _part: None

    def record(**_: Any) -> None:
        reasons.append(" ".join(repr(sys.exception()).split()))

    got_request_exception.connect(record)
    response = WSGIHandler()(environ, start)
    for _ in response:
        pass
    response.close()
    return (reasons or statuses)[0] if statuses[0].startswith("5") else ""


def _host() -> str:
    """Return a host name that ALLOWED_HOSTS accepts."""
    hosts = (host.removeprefix(".") for host in settings.ALLOWED_HOSTS if host != "*")
    return next(hosts, "localhost")
