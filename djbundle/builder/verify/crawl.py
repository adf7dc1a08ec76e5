"""The crawler: start a bundle on a new database, and request every page that needs no argument."""

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from djbundle.builder.core.engines import SQLITE_ENGINES
from djbundle.builder.core.sandbox import ProgressCallback, SandboxPaths
from djbundle.builder.core.tracebacks import error_in_output, exception_in, last_traceback
from djbundle.builder.verify.client import Client, Response
from djbundle.builder.verify.crawl_record import BREAKS_OFF, CrawlRecord, Problem, Request
from djbundle.builder.verify.diagnosis import Diagnosis
from djbundle.builder.verify.in_bundle_scripts import CHECK_OUTPUT_START, CHECK_SCRIPT, SITE_FACTS_SCRIPT
from djbundle.builder.verify.site_log import SiteLog
from djbundle.builder.verify.unanswered import get_with_retry, problem_without_answer, wait_until_back
from djbundle.contract import variables, verification

START_TIMEOUT = 60.0  # seconds for the site to start, and for its worker
# Pages that end the session, or never end.
SKIPPED_PATHS = re.compile(r"log-?out|sign-?out|delete|stream", re.IGNORECASE)
MAX_UNANSWERED = 3  # unanswered pages after which the crawl stops


class BundleCommandError(Exception):
    """A command of the bundle failed; `last_line` is the last line of its output."""

    def __init__(self, problem: Problem, last_line: str) -> None:
        super().__init__(problem)
        self.problem, self.last_line = problem, last_line


class Crawler:
    """The crawler of one bundle.

    `environment` has the variables that the bundle needs to start. `report_progress` is called with the share
    that is done, and `when_migrated` with the data directory when nothing but the migrations has run.
    """

    def __init__(
        self,
        paths: SandboxPaths,
        environment: Mapping[str, str],
        report_progress: ProgressCallback,
        when_migrated: Callable[[Path], object] | None = None,
    ) -> None:
        self.paths = paths
        overrides = {variables.VERIFY_MODE: "1", variables.DATA_DIRECTORY: str(paths.data)}
        self.environment = {variables.ALLOWED_HOSTS: "localhost,127.0.0.1", **environment, **overrides}
        self.report_progress = report_progress
        self.when_migrated = when_migrated
        self.record = CrawlRecord(paths.is_empty)
        self.log = SiteLog(paths.data / "verify.log")
        self.engines: list[str] = []  # engines of the databases
        self.diagnosis = Diagnosis(paths.data)
        self.requested: list[Request] = []  # the pages so far
        self.unanswered = 0  # number of pages that hang or end their process

    def crawl(self) -> CrawlRecord:
        """Crawl the bundle, and return the record of it, including all problems."""
        try:
            if self.prepare():
                if self.when_migrated:
                    self.when_migrated(self.paths.data)
                with self.serving() as process:
                    self.record.site_facts = self.load_site_facts()  # while the site starts
                    if address := self.wait_until_ready(process):
                        self.crawl_site(address)
                self.explain_failures()
        except BundleCommandError as error:
            problem = error.problem
            if reason := self.diagnosis.reason_for(problem.message, last_traceback(problem.trace)):
                self.record.warnings.append(f"no page was crawled: {problem.what} fails: {reason}")
            else:
                self.record.problems.append(problem)
        return self.record

    def crawl_site(self, address: tuple[str, int]) -> None:
        """Request the pages and their static files, and run a task."""
        facts = self.record.site_facts
        if facts["no_session"]:
            self.record.warnings.append(
                f"no superuser could be made ({facts['no_session']}): admin pages were not crawled"
            )
        client = Client(address, facts["host"], facts["static_url"], is_https=facts["redirects_to_https"])
        self.request_files(client, self.request_pages(client))
        self.wait_for_worker(client)
        for death in self.log.next_deaths():  # deaths that no page was blamed for
            self.record.problems.append(Problem("serve", f"{death.name} {death.cause}", death.output, fate="dies"))

    def prepare(self) -> bool:
        """Check the bundle and create its databases; return whether it can be crawled. Raises BundleCommandError."""
        with ThreadPoolExecutor(1) as executor:  # both spend most of their time loading the site
            migrating = executor.submit(self.run, "migrate")
            self.check()
        try:
            if self.engines:
                migrating.result()
        except BundleCommandError as error:
            if not self.diagnosis.servers:
                raise
            reason = self.diagnosis.missing_databases()
            self.record.warnings.append(f"no page was crawled: {reason}, and migrate fails: {error.problem.message}")
            return False
        return True

    def check(self) -> None:
        """Check the bundle. Raises BundleCommandError, but first records which stand-ins are in use."""
        try:
            self.record_backends(self.run_script(CHECK_SCRIPT, "check"))
        except BundleCommandError as error:
            self.record_backends(error.last_line)
            raise

    def record_backends(self, output: str) -> None:
        if output.startswith(CHECK_OUTPUT_START):  # otherwise the settings do not import
            backends = json.loads(output)
            self.engines, self.diagnosis.caches = backends["engines"], backends["caches"]
            self.diagnosis.servers = [each for each in self.engines if not each.endswith(SQLITE_ENGINES)]

    def load_site_facts(self) -> dict[str, Any]:
        """Return what there is to crawl. Raises BundleCommandError."""
        facts: dict[str, Any] = json.loads(self.run_script(SITE_FACTS_SCRIPT, "shell"))
        names = facts["databases"].items()
        return facts | {"databases": {alias: os.path.relpath(name, self.paths.data) for alias, name in names}}

    def run_script(self, script: str, what: str) -> str:
        """Run Python code in the bundle, and return its last line.

        Raises BundleCommandError, with `what` as the command.
        """
        try:
            return self.run("-c", script).splitlines()[-1]
        except BundleCommandError as error:
            raise BundleCommandError(replace(error.problem, what=what), error.last_line) from error

    def run(self, *arguments: str) -> str:
        """Run a command of the bundle, and return its output. Raises BundleCommandError."""
        result = subprocess.run(
            [str(self.paths.bundle), *arguments],
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if result.returncode:
            message = error_in_output(result.stderr) or f"code {result.returncode}"
            problem = Problem(arguments[0], message, result.stderr.strip())
            raise BundleCommandError(problem, "".join(result.stdout.splitlines()[-1:]))
        return result.stdout.strip()

    @contextlib.contextmanager
    def serving(self) -> "Iterator[subprocess.Popen[bytes]]":
        command = [str(self.paths.bundle), "serve", "--bind", "127.0.0.1:0", "--workers", "1", "--log-format", "json"]
        (self.paths.data / verification.URL).unlink(missing_ok=True)
        with self.log.file.open("wb") as log:
            process = subprocess.Popen(command, env=self.environment, cwd="/", stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def wait_until_ready(self, process: "subprocess.Popen[bytes]") -> tuple[str, int] | None:
        end, file = time.monotonic() + START_TIMEOUT, self.paths.data / verification.URL
        while time.monotonic() < end and process.poll() is None:
            if file.exists():
                url = urlsplit(file.read_text())
                return str(url.hostname), int(url.port or 80)
            time.sleep(0.02)
        self.record.problems.append(Problem("serve", "it did not start", self.log.text().strip()))
        return None

    def request_pages(self, client: Client) -> set[str]:
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
            status, static_files = self.request_page(client, request)
            self.requested.append(request)
            files |= static_files
            statuses.add(status)
            self.record.pages += 1
            self.report_progress(number / len(requests))
        if statuses == {400}:
            self.record.warnings.append(f"every page is answered 400: is {facts['host']} the name of the site?")
        return files

    def request_files(self, client: Client, paths: Iterable[str]) -> None:
        for request in map(Request, sorted(paths)):
            try:
                status = client.get(request.path).status
            except OSError as error:
                self.record.problems.append(problem_without_answer(request, error, self.log))
                return
            self.record.files += 1
            if status >= 400:
                message = f"a page names it, and it is answered {status}"
                self.record.problems.append(Problem(str(request), message, request=request))

    def request_page(self, client: Client, request: Request) -> tuple[int, set[str]]:
        """Request a page; return its status, and the static files that it loads.

        The status is 0 if the page does not answer.
        """
        what = str(request)
        try:
            response = get_with_retry(client, request, self.cookie() if request.superuser else "")
        except OSError as error:
            problem = problem_without_answer(request, error, self.log, self.requested)
            self.unanswered += problem.fate != BREAKS_OFF
            self.record.set_problem(problem)
            wait_until_back(client, START_TIMEOUT)
            if problem.request != request and self.unanswered < MAX_UNANSWERED:
                return self.request_page(client, request)  # its process died of an earlier page
            return 0, set()
        if response.status >= 500:
            self.record.problems.append(Problem(what, f"it is answered {response.status}", request=request))
        if request.superuser:
            self.switch_session(response)
        return response.status, response.static_files(request.path, client.static_url)

    def cookie(self) -> str:
        """Return the superuser's session cookie."""
        return str(self.record.site_facts["cookies"][0])

    def switch_session(self, response: Response) -> None:
        """Switch to the next session, if one is left, when a page ended the session or changed its user."""
        name = self.cookie().partition("=")[0]
        others = {each for each in response.cookies if each.startswith(f"{name}=")} - {self.cookie()}
        if others and len(self.record.site_facts["cookies"]) > 1:
            del self.record.site_facts["cookies"][0]

    def wait_for_worker(self, client: Client) -> None:
        end = time.monotonic() + START_TIMEOUT
        try:
            while (response := client.get("/up")).status == 503 and time.monotonic() < end:
                time.sleep(0.1)
        except OSError as error:
            self.record.problems.append(Problem("GET /up", str(error)))
            return
        if response.status == 503:
            self.record.problems.append(Problem("GET /up", response.body.strip()))
        elif self.record.site_facts["task"]:
            self.wait_for_task(str(self.record.site_facts["task"]), end)

    def wait_for_task(self, number: str, end: float) -> None:
        """Check the result of the task. It had the whole crawl to run; wait until `end` if it did not finish."""
        try:
            while (task := json.loads(self.run("tasks", "show", number, "--json")))["status"] in ("READY", "RUNNING"):
                if time.monotonic() > end:
                    break
        except BundleCommandError as error:
            self.record.problems.append(error.problem)
            return
        if task["status"] == "SUCCESSFUL":
            self.record.tasks += 1
        else:
            trace = "".join(each["traceback"] for each in task["errors"])
            message = exception_in(trace) or f"it is {task['status'].lower()} and has not run"
            self.record.problems.append(Problem("a task", message, trace))

    def explain_failures(self) -> None:
        """Find the traceback of each failed page, by its request ID."""
        # The first traceback is the cause: the error page may fail as well.
        traces = {line.get("id"): line["trace"] for line in reversed(self.log.lines()) if line.get("trace")}
        problems, self.record.problems = self.record.problems, []
        for problem in problems:
            trace = problem.trace or traces.get(problem.request and problem.request.id, "")
            if problem.fate and not (problem.fate == BREAKS_OFF and trace):  # else an error ended the response
                self.record.problems.append(problem)
                continue
            message = exception_in(trace) or problem.message
            if reason := self.diagnosis.reason_for(message, trace):
                self.record.warnings.append(f"{problem.what}: {reason}")
            else:
                self.record.problems.append(Problem(problem.what, message, trace, problem.request))
