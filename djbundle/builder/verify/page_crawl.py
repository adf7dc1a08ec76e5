"""Requests the pages of a site, with and without a superuser's session, and the static files that they name."""

import re
from collections.abc import Iterable

from djbundle.builder.core.sandbox import ProgressCallback
from djbundle.builder.verify.client import Client, Response
from djbundle.builder.verify.crawl_record import BREAKS_OFF, CrawlRecord, Problem, Request
from djbundle.builder.verify.site_log import SiteLog
from djbundle.builder.verify.unanswered import get_with_retry, problem_without_answer, wait_until_back

RESTART_TIMEOUT = 60.0  # seconds for the site to restart a process
# Pages that end the session, or never end.
SKIPPED_PATHS = re.compile(r"log-?out|sign-?out|delete|stream", re.IGNORECASE)
MAX_UNANSWERED = 3  # unanswered pages after which the crawl stops


class PageCrawl:
    """The requests for the pages of one site. What it finds goes into `record`."""

    def __init__(self, client: Client, record: CrawlRecord, log: SiteLog, report_progress: ProgressCallback) -> None:
        self.client, self.record, self.log, self.report_progress = client, record, log, report_progress
        self.requested: list[Request] = []  # the pages so far
        self.unanswered = 0  # number of pages that hang or end their process

    def request_pages(self) -> set[str]:
        """Request all pages, and return the static files that they load."""
        facts = self.record.site_facts
        requests = [
            Request(path, superuser)
            for path in facts["paths"]
            if not SKIPPED_PATHS.search(path)
            for superuser in ((False, True) if facts["cookies"] else (False,))
        ]
        files: set[str] = set()
        statuses: set[int] = set()
        for number, request in enumerate(requests):
            if self.unanswered >= MAX_UNANSWERED:
                self.record.warnings.append(
                    f"{MAX_UNANSWERED} pages did not answer, so those from {request.path} on were not crawled"
                )
                break
            status, static_files = self.request_page(request)
            self.requested.append(request)
            files |= static_files
            statuses.add(status)
            self.record.pages += 1
            self.report_progress(number / len(requests))
        if statuses == {421}:
            self.record.warnings.append(f"every page is answered 421: is {facts['host']} the name of the site?")
        return files

    def request_files(self, paths: Iterable[str]) -> None:
        for request in map(Request, sorted(paths)):
            try:
                status = self.client.get(request.path, "", request.id).status
            except OSError as error:
                self.record.problems.append(problem_without_answer(request, error, self.log))
                return
            self.record.files += 1
            if status >= 400:
                message = f"a page names it, and it is answered {status}"
                self.record.problems.append(Problem(str(request), message, request=request))

    def request_page(self, request: Request) -> tuple[int, set[str]]:
        """Request a page; return its status, and the static files that it loads.

        The status is 0 if the page does not answer.
        """
        what = str(request)
        try:
            response = get_with_retry(self.client, request, self.cookie() if request.superuser else "")
        except OSError as error:
            problem = problem_without_answer(request, error, self.log, self.requested)
            self.unanswered += problem.fate != BREAKS_OFF
            self.record.set_problem(problem)
            wait_until_back(self.client, RESTART_TIMEOUT)
            if problem.request != request and self.unanswered < MAX_UNANSWERED:
                return self.request_page(request)  # its process died of an earlier page
            return 0, set()
        if response.status >= 500:
            self.record.problems.append(Problem(what, f"it is answered {response.status}", request=request))
        if request.superuser:
            self.switch_session(response)
        return response.status, response.static_files(request.path, self.client.static_url)

    def cookie(self) -> str:
        """Return the superuser's session cookie."""
        return str(self.record.site_facts["cookies"][0])

    def switch_session(self, response: Response) -> None:
        """Switch to the next session, if one is left, when a page ended the session or changed its user."""
        name = self.cookie().partition("=")[0]
        others = {each for each in response.cookies if each.startswith(f"{name}=")} - {self.cookie()}
        if others and len(self.record.site_facts["cookies"]) > 1:
            del self.record.site_facts["cookies"][0]
