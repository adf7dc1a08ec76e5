"""Pages that do not answer: find out whether the process died, and of what, or whether the page hangs."""

import contextlib
import time

from djbundle.builder.verify.client import PAGE_TIMEOUT, Client, Response
from djbundle.builder.verify.crawl_record import BREAKS_OFF, Problem, Request
from djbundle.builder.verify.site_log import DEATH_LOG_TIMEOUT, SiteLog

ATTEMPTS = 2  # requests of a page that hangs, as the machine may be busy


def get_with_retry(client: Client, request: Request, cookie: str) -> Response:
    """Request a page, twice if it hangs. Raises OSError; for a page that hangs only after the second try."""
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(TimeoutError):
            return client.get(request.path, cookie, request.id)
    return client.get(request.path, cookie, request.id)


def problem_without_answer(request: Request, error: OSError, log: SiteLog) -> Problem:
    """Return the problem of a page that does not answer, with the last output of its process."""
    is_timeout = isinstance(error, TimeoutError)
    if died := [each for each in log.next_deaths(0.0 if is_timeout else DEATH_LOG_TIMEOUT) if each.name == "web"]:
        return Problem(str(request), f"its process {died[-1].description}", died[-1].output, request, "dies")
    if is_timeout:
        return Problem(str(request), f"no answer began within {PAGE_TIMEOUT:.0f} s, twice", "", request, "hangs")
    return Problem(str(request), f"its connection was closed without an answer ({error})", "", request, BREAKS_OFF)


def wait_until_back(client: Client, timeout: float) -> None:
    """Wait until the site answers again. A dead process is restarted, each time after a longer delay."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            client.get("/up")
            return
        time.sleep(0.1)
