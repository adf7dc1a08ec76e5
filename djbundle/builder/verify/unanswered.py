"""Pages that do not answer: find out whether the process died, and of what, or whether the page hangs."""

import contextlib
import time
from collections.abc import Sequence

from djbundle.builder.verify.client import PAGE_TIMEOUT, Client, Response
from djbundle.builder.verify.crawl_record import BREAKS_OFF, Problem, Request
from djbundle.builder.verify.site_log import DEATH_LOG_TIMEOUT, Death, SiteLog

ATTEMPTS = 2  # requests of a page that hangs, as the machine may be busy


def get_with_retry(client: Client, request: Request, cookie: str) -> Response:
    """Request a page, twice if it hangs. Raises OSError; for a page that hangs only after the second try."""
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(TimeoutError):
            return client.get(request.path, cookie, request.id)
    return client.get(request.path, cookie, request.id)


def problem_without_answer(request: Request, error: OSError, log: SiteLog, earlier: Sequence[Request] = ()) -> Problem:
    """Return the problem of a page that does not answer, with the last output of its process.

    If the process died of an `earlier` request, the problem is that of the earlier one.
    """
    is_timeout = isinstance(error, TimeoutError)
    if died := [each for each in log.next_deaths(0.0 if is_timeout else DEATH_LOG_TIMEOUT) if each.name == "web"]:
        culprit = culprit_of(died[-1], request, earlier)
        return Problem(str(culprit), f"its process {died[-1].cause}", died[-1].output, culprit, "dies")
    if is_timeout:
        return Problem(str(request), f"no answer began within {PAGE_TIMEOUT:.0f} s, twice", "", request, "hangs")
    return Problem(str(request), f"its connection was closed without an answer ({error})", "", request, BREAKS_OFF)


def culprit_of(death: Death, request: Request, earlier: Sequence[Request]) -> Request:
    """Return the request that the process died of: `request`, unless the death names only earlier ones."""
    if request.quoted in death.requests:
        return request
    return next((each for each in reversed(earlier) if each.quoted in death.requests), request)


def wait_until_back(client: Client, timeout: float) -> None:
    """Wait until the site answers again. A dead process is restarted, each time after a longer delay."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            client.get("/up")
            return
        time.sleep(0.1)
