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

from djbundle.builder.core.engines import SQLITE
from djbundle.builder.core.last_words import error_of, last_chain, last_words
from djbundle.builder.core.sandbox import Place, Tell
from djbundle.builder.verify.client import Answer, Customer
from djbundle.builder.verify.crawl_record import BREAKS_OFF, Problem, Request, Visit
from djbundle.builder.verify.diagnosis import Excuses
from djbundle.builder.verify.in_bundle_scripts import CHECK, FOUND, QUESTIONS
from djbundle.builder.verify.site_log import SiteLog
from djbundle.builder.verify.unanswered import get_patiently, problem_without_answer, wait_until_back
from djbundle.contract import verification

START = 60.0  # seconds for the site to start, and for its worker
LEAVES = re.compile(r"log-?out|sign-?out|delete|stream", re.IGNORECASE)  # pages that end the session, or never end
LOST = 3  # unanswered pages after which the crawl stops


class CommandError(Exception):
    """A command of the bundle failed; `printed` is the last line of its output."""

    def __init__(self, problem: Problem, printed: str) -> None:
        super().__init__(problem)
        self.problem, self.printed = problem, printed


class Visitor:
    """The crawler of one bundle.

    `environment` has the variables that the bundle needs to start; progress is reported to `tell`. `when_migrated` is
    called with the data directory when nothing but the migrations has run.
    """

    def __init__(
        self,
        place: Place,
        environment: Mapping[str, str],
        tell: Tell,
        when_migrated: Callable[[Path], object] | None = None,
    ) -> None:
        self.place = place
        own = {verification.VERIFY_MODE_VARIABLE: "1", "DJBUNDLE_DATA_DIR": str(place.data)}
        self.environment = {"DJBUNDLE_ALLOWED_HOSTS": "localhost,127.0.0.1", **environment, **own}
        self.tell = tell
        self.when_migrated = when_migrated
        self.seen = Visit(place.is_empty)
        self.log = SiteLog(place.data / "verify.log")
        self.engines: list[str] = []  # engines of the databases
        self.excuses = Excuses(place.data)
        self.lost = 0  # number of pages that hang or end their process

    def visit(self) -> Visit:
        """Crawl the bundle, and return what was seen, including all problems."""
        try:
            if self.prepare():
                if self.when_migrated:
                    self.when_migrated(self.place.data)
                with self.serving() as process:
                    self.seen.told = self.look_around()  # while the site starts
                    if address := self.wait_until_ready(process):
                        self.see_all(address)
                self.explain()
        except CommandError as error:
            problem = error.problem
            if excuse := self.excuses.find(problem.said, last_chain(problem.trace)):
                self.seen.warnings.append(f"no page was visited: {problem.what} fails: {excuse}")
            else:
                self.seen.problems.append(problem)
        return self.seen

    def see_all(self, address: tuple[str, int]) -> None:
        """Request the pages and their static files, and run a task."""
        told = self.seen.told
        if told["no_session"]:
            self.seen.warnings.append(f"no superuser could be made ({told['no_session']}): admin pages were not seen")
        customer = Customer(address, told["host"], told["static_url"], is_https=told["redirects_to_https"])
        self.ask_for_files(customer, self.ask_for_pages(customer))
        self.wait_for_worker(customer)
        for death in self.log.next_deaths():  # deaths that no page was blamed for
            self.seen.problems.append(Problem("serve", f"{death.name} {death.how}", death.words, fate="dies"))

    def prepare(self) -> bool:
        """Check the bundle and create its databases; return whether it can be crawled. Raises CommandError."""
        with ThreadPoolExecutor(1) as beside:  # both spend most of their time loading the site
            migrating = beside.submit(self.run, "migrate")
            self.check()
        try:
            if self.engines:
                migrating.result()
        except CommandError as error:
            if not self.excuses.servers:
                raise
            wish = self.excuses.wish()
            self.seen.warnings.append(f"no page was visited: {wish}, and migrate fails: {error.problem.said}")
            return False
        return True

    def check(self) -> None:
        """Check the bundle. Raises CommandError, but first learns which stand-ins are in use."""
        try:
            self.learn(self.ask(CHECK, "check"))
        except CommandError as error:
            self.learn(error.printed)
            raise

    def learn(self, told: str) -> None:
        if told.startswith(FOUND):  # otherwise the settings do not import
            found = json.loads(told)
            self.engines, self.excuses.caches = found["engines"], found["caches"]
            self.excuses.servers = [each for each in self.engines if not each.endswith(SQLITE)]

    def look_around(self) -> dict[str, Any]:
        """Return what there is to crawl. Raises CommandError."""
        told: dict[str, Any] = json.loads(self.ask(QUESTIONS, "shell"))
        names = told["databases"].items()
        return told | {"databases": {alias: os.path.relpath(name, self.place.data) for alias, name in names}}

    def ask(self, question: str, what: str) -> str:
        """Run Python code in the bundle, and return its last line. Raises CommandError, with `what` as the command."""
        try:
            return self.run("-c", question).splitlines()[-1]
        except CommandError as error:
            raise CommandError(replace(error.problem, what=what), error.printed) from error

    def run(self, *words: str) -> str:
        """Run a command of the bundle, and return its output. Raises CommandError."""
        done = subprocess.run(
            [str(self.place.bundle), *words],
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            said = last_words(done.stderr) or f"code {done.returncode}"
            raise CommandError(Problem(words[0], said, done.stderr.strip()), "".join(done.stdout.splitlines()[-1:]))
        return done.stdout.strip()

    @contextlib.contextmanager
    def serving(self) -> "Iterator[subprocess.Popen[bytes]]":
        command = [str(self.place.bundle), "serve", "--bind", "127.0.0.1:0", "--workers", "1", "--log-format", "json"]
        (self.place.data / verification.URL).unlink(missing_ok=True)
        with self.log.file.open("wb") as log:
            process = subprocess.Popen(command, env=self.environment, cwd="/", stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def wait_until_ready(self, process: "subprocess.Popen[bytes]") -> tuple[str, int] | None:
        end, file = time.monotonic() + START, self.place.data / verification.URL
        while time.monotonic() < end and process.poll() is None:
            if file.exists():
                url = urlsplit(file.read_text())
                return str(url.hostname), int(url.port or 80)
            time.sleep(0.02)
        said = self.log.text().strip()
        self.seen.problems.append(Problem("serve", "it did not start", said))
        return None

    def ask_for_pages(self, customer: Customer) -> set[str]:
        """Request all pages, and return the static files that they load."""
        told = self.seen.told
        requests = [
            Request(path, superuser)
            for path in told["paths"]
            if not LEAVES.search(path)
            for superuser in ((False, True) if told["cookies"] else (False,))
        ]
        files: set[str] = set()
        statuses: set[int] = set()
        for number, request in enumerate(requests):
            if self.lost >= LOST:
                self.seen.warnings.append(f"{LOST} pages did not answer, so those from {request.path} on were not seen")
                break
            status, named = self.look_at(customer, request)
            files |= named
            statuses.add(status)
            self.seen.pages += 1
            self.tell(number / len(requests))
        if statuses == {400}:
            self.seen.warnings.append(f"every page is answered 400: is {told['host']} the name of the site?")
        return files

    def ask_for_files(self, customer: Customer, paths: Iterable[str]) -> None:
        for request in map(Request, sorted(paths)):
            try:
                status = customer.get(request.path).status
            except OSError as error:
                self.seen.problems.append(problem_without_answer(request, error, self.log))
                return
            self.seen.files += 1
            if status >= 400:
                said = f"a page names it, and it is answered {status}"
                self.seen.problems.append(Problem(str(request), said, request=request))

    def look_at(self, customer: Customer, request: Request) -> tuple[int, set[str]]:
        """Request a page; return its status, and the static files that it loads.

        The status is 0 if the page does not answer.
        """
        what = str(request)
        try:
            answer = get_patiently(customer, request, self.cookie() if request.superuser else "")
        except OSError as error:
            problem = problem_without_answer(request, error, self.log)
            self.lost += problem.fate != BREAKS_OFF
            self.seen.problems.append(problem)
            wait_until_back(customer, START)
            return 0, set()
        if answer.status >= 500:
            self.seen.problems.append(Problem(what, f"it is answered {answer.status}", request=request))
        if request.superuser:
            self.renew_session(answer)
        return answer.status, answer.files(request.path, customer.static_url)

    def cookie(self) -> str:
        """Return the superuser's session cookie."""
        return str(self.seen.told["cookies"][0])

    def renew_session(self, answer: Answer) -> None:
        """Switch to the next session, if one is left, when a page ended the session or changed its user."""
        name = self.cookie().partition("=")[0]
        others = {each for each in answer.cookies if each.startswith(f"{name}=")} - {self.cookie()}
        if others and len(self.seen.told["cookies"]) > 1:
            del self.seen.told["cookies"][0]

    def wait_for_worker(self, customer: Customer) -> None:
        end = time.monotonic() + START
        try:
            while (answer := customer.get("/up")).status == 503 and time.monotonic() < end:
                time.sleep(0.1)
        except OSError as error:
            self.seen.problems.append(Problem("GET /up", str(error)))
            return
        if answer.status == 503:
            self.seen.problems.append(Problem("GET /up", answer.body.strip()))
        elif self.seen.told["task"]:
            self.wait_for_task(str(self.seen.told["task"]), end)

    def wait_for_task(self, number: str, end: float) -> None:
        """Check the result of the task. It had the whole crawl to run; wait until `end` if it did not finish."""
        try:
            while (task := json.loads(self.run("tasks", "show", number, "--json")))["status"] in ("READY", "RUNNING"):
                if time.monotonic() > end:
                    break
        except CommandError as error:
            self.seen.problems.append(error.problem)
            return
        if task["status"] == "SUCCESSFUL":
            self.seen.tasks += 1
        else:
            trace = "".join(each["traceback"] for each in task["errors"])
            said = error_of(trace) or f"it is {task['status'].lower()} and has not run"
            self.seen.problems.append(Problem("a task", said, trace))

    def explain(self) -> None:
        """Find the traceback of each failed page, by its request ID."""
        # The first traceback is the cause: the error page may fail as well.
        traces = {line.get("id"): line["trace"] for line in reversed(self.log.lines()) if line.get("trace")}
        problems, self.seen.problems = self.seen.problems, []
        for problem in problems:
            trace = problem.trace or traces.get(problem.request and problem.request.id, "")
            if problem.fate and not (problem.fate == BREAKS_OFF and trace):  # else an error ended the response
                self.seen.problems.append(problem)
                continue
            said = error_of(trace) or problem.said
            if excuse := self.excuses.find(said, trace):
                self.seen.warnings.append(f"{problem.what}: {excuse}")
            else:
                self.seen.problems.append(Problem(problem.what, said, trace, problem.request))
