"""The crawler: start a bundle on a new database, and request every page that needs no argument."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from djbundle.builder.core.sandbox import ProgressCallback, SandboxPaths
from djbundle.builder.core.tracebacks import exception_in, last_traceback
from djbundle.builder.verify.bundle_commands import BundleCommandError, BundleCommands
from djbundle.builder.verify.client import Client
from djbundle.builder.verify.crawl_record import BREAKS_OFF, CrawlRecord, Problem
from djbundle.builder.verify.diagnosis import Diagnosis
from djbundle.builder.verify.in_bundle_scripts import CHECK_OUTPUT_START, CHECK_SCRIPT, SITE_FACTS_SCRIPT
from djbundle.builder.verify.kept_databases import keep_databases
from djbundle.builder.verify.page_crawl import PageCrawl
from djbundle.builder.verify.site_log import SiteLog
from djbundle.common.backends import is_sqlite
from djbundle.contract import variables, verification

START_TIMEOUT = 60.0  # seconds for the site to start, and for its worker
START_FACTOR = 4  # a start may take so many times as long as the checks, which load the site too


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
        self.check_seconds = 0.0
        self.diagnosis = Diagnosis(paths.data)
        self.commands = BundleCommands(paths.bundle, self.environment)

    @contextlib.contextmanager
    def timing(self) -> Iterator[None]:
        """Record how long it takes."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.record.seconds = time.monotonic() - start

    def check_only(self) -> CrawlRecord:
        """Run the checks of the bundle and nothing else. What a server that is missing explains is not a problem."""
        try:
            with self.timing():
                self.check()
        except BundleCommandError as error:
            if not self.diagnosis.reason_for(error.problem.message, last_traceback(error.problem.trace)):
                self.record.problems.append(error.problem)
        return self.record

    def crawl(self) -> CrawlRecord:
        """Crawl the bundle, and return the record of it, including all problems."""
        try:
            with self.timing():
                self.crawl_if_prepared()
        except BundleCommandError as error:
            problem = error.problem
            if reason := self.diagnosis.reason_for(problem.message, last_traceback(problem.trace)):
                self.record.warnings.append(f"no page was crawled: {problem.what} fails: {reason}")
            else:
                self.record.problems.append(problem)
        return self.record

    def crawl_if_prepared(self) -> None:
        """Create the databases, serve the bundle, and crawl it. Raises BundleCommandError."""
        if self.prepare():
            if self.when_migrated:
                self.when_migrated(self.paths.data)
            with self.serving() as process:
                self.record.site_facts = self.load_site_facts()  # while the site starts
                if address := self.wait_until_ready(process):
                    self.crawl_site(address)
            self.explain_failures()

    def crawl_site(self, address: tuple[str, int]) -> None:
        """Request the pages and their static files, and run a task."""
        facts = self.record.site_facts
        if facts["no_session"]:
            self.record.warnings.append(
                f"no superuser could be made ({facts['no_session']}): admin pages were not crawled"
            )
        keep_databases(self.paths.data, facts["databases"])
        client = Client(address, facts["host"], facts["static_url"], is_https=facts["redirects_to_https"])
        pages = PageCrawl(client, self.record, self.log, self.report_progress)
        pages.request_files(pages.request_pages())
        self.wait_for_worker(client)
        for death in self.log.next_deaths():  # deaths that no page has caused
            self.record.problems.append(Problem("serve", f"{death.name} {death.cause}", death.output, fate="dies"))

    def prepare(self) -> bool:
        """Check the bundle and create its databases; return whether it can be crawled. Raises BundleCommandError."""
        with ThreadPoolExecutor(1) as executor:  # both spend most of their time loading the site
            migrating = executor.submit(self.commands.run, "migrate")
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
        start = time.monotonic()
        try:
            self.record_backends(self.commands.run_script(CHECK_SCRIPT, "check"))
        except BundleCommandError as error:
            self.record_backends(error.last_line)
            raise
        self.check_seconds = time.monotonic() - start

    def start_timeout(self) -> float:
        """Return the seconds that a start may take. The checks show how slow this site is on this machine."""
        return max(START_TIMEOUT, START_FACTOR * self.check_seconds)

    def record_backends(self, output: str) -> None:
        if output.startswith(CHECK_OUTPUT_START):  # otherwise the settings do not import
            backends = json.loads(output)
            self.engines, self.diagnosis.caches = backends["engines"], backends["caches"]
            self.diagnosis.servers = [each for each in self.engines if not is_sqlite(each)]

    def load_site_facts(self) -> dict[str, Any]:
        """Return what there is to crawl. Raises BundleCommandError."""
        facts: dict[str, Any] = json.loads(self.commands.run_script(SITE_FACTS_SCRIPT, "shell"))
        names = facts["databases"].items()
        return facts | {"databases": {alias: os.path.relpath(name, self.paths.data) for alias, name in names}}

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
        timeout, file = self.start_timeout(), self.paths.data / verification.URL
        end = time.monotonic() + timeout
        while time.monotonic() < end and process.poll() is None:
            if file.exists():
                url = urlsplit(file.read_text())
                return str(url.hostname), int(url.port or 80)
            time.sleep(0.02)
        code = process.poll()
        why = f"it did not start within {timeout:.0f} s" if code is None else f"it ended with code {code}"
        self.record.problems.append(Problem("serve", why, self.log.text().strip()))
        return None

    def wait_for_worker(self, client: Client) -> None:
        end = time.monotonic() + self.start_timeout()
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
            while (task := json.loads(self.commands.run("tasks", "show", number, "--json")))["status"] in (
                "READY",
                "RUNNING",
            ):
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
