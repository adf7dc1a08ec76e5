"""Pages that do not answer: find out whether the process died, and of what, or whether the page hangs."""

import contextlib
import time

from djbundle.builder.verify.client import PATIENCE, Answer, Customer
from djbundle.builder.verify.crawl_record import BREAKS_OFF, Problem, Request
from djbundle.builder.verify.site_log import SOON, SiteLog

TRIES = 2  # requests of a page that hangs, as the machine may be busy


def get_patiently(customer: Customer, request: Request, cookie: str) -> Answer:
    """Request a page, twice if it hangs. Raises OSError; for a page that hangs only after the second try."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(TimeoutError):
            return customer.get(request.path, cookie, request.id)
    return customer.get(request.path, cookie, request.id)


def problem_without_answer(request: Request, error: OSError, log: SiteLog) -> Problem:
    """Return the problem of a page that does not answer, with the last output of its process."""
    is_late = isinstance(error, TimeoutError)
    if died := [each for each in log.next_deaths(0.0 if is_late else SOON) if each.name == "web"]:
        return Problem(str(request), f"its process {died[-1].how}", died[-1].words, request, "dies")
    if is_late:
        return Problem(str(request), f"no answer began within {PATIENCE:.0f} s, twice", "", request, "hangs")
    return Problem(str(request), f"its connection was closed without an answer ({error})", "", request, BREAKS_OFF)


def wait_until_back(customer: Customer, seconds: float) -> None:
    """Wait until the site answers again. A dead process is restarted, each time after a longer delay."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            customer.get("/up")
            return
        time.sleep(0.1)
