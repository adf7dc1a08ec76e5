"""The first visitor of a bundle: starts it on a new database, and asks for every page that needs no argument."""

import contextlib
import http.client
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from djbundle.builder.questions import ENGINE, QUESTIONS
from djbundle.builder.sandbox import Place

PATIENCE = 10.0  # seconds for a page
START = 60.0  # seconds for the site
SQLITE = ("sqlite3", "spatialite")
READY = re.compile(r"serves http://([\d.]+):(\d+)/")
LEAVES = re.compile(r"log-?out|sign-?out|delete|stream", re.IGNORECASE)  # pages that end a visit, or never end
UNREACHABLE = ("Name or service not known", "Temporary failure in name resolution", "Network is unreachable")
REFUSED = "Connection refused"
PARAMETER = "MultiValueDictKeyError"  # of a view that reads request.GET["name"]
HANGING = 3  # pages after which the visitor goes


@dataclass(frozen=True, slots=True)
class Problem:
    what: str  # "GET /basket/ as a superuser"
    said: str  # the last line of its traceback, or the status
    trace: str = ""


@dataclass(slots=True)
class Visit:
    """What was seen."""

    is_empty: bool  # nothing else was there
    pages: int = 0
    files: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class CommandError(Exception):
    """A command of the bundle failed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class Visitor:
    """`environment` is what the bundle needs to start."""

    def __init__(self, place: Place, environment: Mapping[str, str]) -> None:
        self.place = place
        self.environment = {"DJBUNDLE_ALLOWED_HOSTS": "localhost,127.0.0.1", **environment}
        self.seen = Visit(place.is_empty)
        self.log = place.data / "verify.log"
        self.hanging = 0
        self.ids: dict[str, str] = {}  # of the request of each page that failed

    def visit(self) -> Visit:
        """All of it; what goes wrong is in the answer."""
        try:
            engine = self.run("shell", "-v0", "-c", ENGINE)
            if not engine.endswith(SQLITE) and engine:
                self.seen.warnings.append(f"its database is {engine.rpartition('.')[2]}, a server: no page was visited")
                self.run("check")
                return self.seen
            for command in ("migrate", "check"):
                self.run(command)
            told = json.loads(self.run("shell", "-v0", "-c", QUESTIONS).splitlines()[-1])
        except CommandError as error:
            self.seen.problems.append(error.problem)
            return self.seen
        if told["no_session"]:
            self.seen.warnings.append(f"no superuser could be made ({told['no_session']}): admin pages were not seen")
        with self.serving() as address:
            if address:
                self.ask_for_all(Customer(address, told), told)
        self.explain()
        return self.seen

    def run(self, *words: str) -> str:
        """What it prints; raises CommandError."""
        command = [str(self.place.bundle), *words, "--data-dir", str(self.place.data)]
        done = subprocess.run(
            command,
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"code {done.returncode}"]
            said = next((line for line in lines if line.startswith("error: ")), lines[-1])
            raise CommandError(Problem(words[0], said.removeprefix("error: "), done.stderr.strip()))
        return done.stdout.strip()

    @contextlib.contextmanager
    def serving(self) -> Iterator[tuple[str, int] | None]:
        command = [str(self.place.bundle), "serve", "--bind", "127.0.0.1:0", "--workers", "1", "--log-format", "json"]
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [*command, "--data-dir", str(self.place.data)], env=self.environment, cwd="/", stdout=log, stderr=log
            )
        try:
            yield self.wait_until_ready(process)
        finally:
            process.terminate()
            process.wait(60)

    def wait_until_ready(self, process: "subprocess.Popen[bytes]") -> tuple[str, int] | None:
        end = time.monotonic() + START
        while time.monotonic() < end and process.poll() is None:
            if found := READY.search(self.log.read_text()):
                return found[1], int(found[2])
            time.sleep(0.02)
        said = self.log.read_text().strip()
        self.seen.problems.append(Problem("serve", "it did not start", said))
        return None

    def ask_for_all(self, stranger: "Customer", told: Mapping[str, str | Sequence[str]]) -> None:
        cookie = str(told["cookie"] or "")
        files: set[str] = set()
        for path in told["paths"]:
            for who, given in (("", ""), (" as a superuser", cookie)) if cookie else (("", ""),):
                if self.hanging >= HANGING:
                    self.seen.problems.append(Problem(f"GET {path}", f"{HANGING} pages before it did not answer"))
                    return
                if not LEAVES.search(path):
                    files |= self.look_at(stranger, path, who, given)
                    self.seen.pages += 1
        for path in sorted(files):
            answer = stranger.get(path)
            self.seen.files += 1
            if answer.status >= 400:
                self.seen.problems.append(
                    Problem(f"GET {path}", f"a page names it, and it is answered {answer.status}")
                )
        self.wait_for_worker(stranger)

    def look_at(self, stranger: "Customer", path: str, who: str, cookie: str) -> set[str]:
        """The static files that the page names."""
        what = f"GET {path}{who}"
        try:
            answer = stranger.get(path, cookie)
        except OSError as error:
            self.hanging += isinstance(error, TimeoutError)
            self.seen.warnings.append(f"{what}: {error}")
            return set()
        if answer.status >= 500:
            self.ids[what] = answer.request_id
            self.seen.problems.append(Problem(what, f"it is answered {answer.status}"))
        return answer.files(path, stranger.static_url)

    def wait_for_worker(self, stranger: "Customer") -> None:
        end = time.monotonic() + START
        while (answer := stranger.get("/up")).status == 503 and time.monotonic() < end:
            time.sleep(0.1)
        if answer.status == 503:
            self.seen.problems.append(Problem("GET /up", answer.body.strip()))

    def explain(self) -> None:
        """Find the traceback of each page that failed, by the id of its request."""
        lines, log = [], self.log.read_text()
        for text in log.splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(text))
        traces = {line.get("id"): line["trace"] for line in lines if line.get("trace")}
        problems, self.seen.problems = self.seen.problems, []
        for problem in problems:
            trace = problem.trace or traces.get(self.ids.get(problem.what), "") or trace_in_text(log, problem.what)
            said = error_of(trace) or problem.said
            if PARAMETER in said:
                self.seen.warnings.append(f"{problem.what}: it wants a parameter ({said.rpartition(': ')[2]})")
            elif any(word in trace for word in UNREACHABLE) or REFUSED in said:
                self.seen.warnings.append(f"{problem.what}: it wants the network, which is not there ({said})")
            else:
                self.seen.problems.append(Problem(problem.what, said, trace))


def error_of(trace: str) -> str:
    """The first line of what was raised last, which may have several."""
    last = trace.rpartition("Traceback ")[2].splitlines()[1:]
    return next((line for line in last if line[:1].strip()), "")


def trace_in_text(log: str, what: str) -> str:
    """The traceback of "GET /path/ as a superuser", where the project's own LOGGING has another form than ours."""
    path = re.escape(what.split()[1])
    found = re.search(rf"Internal Server Error: {path}\n(Traceback .*\n(?:[ \n].*)*\n?\S.*)", log)
    return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str
    request_id: str

    def files(self, path: str, static_url: str) -> set[str]:
        """Paths of static files that it names, if it is a page."""
        if not static_url:
            return set()
        names = Names()
        names.feed(self.body)
        whole = (urlsplit(urljoin(path, name)) for name in names.found)
        return {each.path for each in whole if not each.netloc and each.path.startswith(static_url)}


class Names(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        wanted = {"link": "href", "script": "src", "img": "src", "source": "src"}.get(tag)
        self.found += [value for name, value in attributes if name == wanted and value]


class Customer:
    """Asks under a name that the site allows, and as over HTTPS where it wants that."""

    def __init__(self, address: tuple[str, int], told: Mapping[str, str | Sequence[str]]) -> None:
        self.address = address
        static = urlsplit(str(told["static_url"]))
        self.static_url = "" if static.netloc else static.path
        hosts = [host.removeprefix(".") for host in told["hosts"]]
        self.headers = {"Host": hosts[0] if hosts else "localhost", "Accept": "text/html,*/*"}
        if told["redirects_to_https"]:
            self.headers["X-Forwarded-Proto"] = "https"

    def get(self, path: str, cookie: str = "") -> Answer:
        """Redirects are an answer. Raises OSError for a page that hangs."""
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=self.headers | ({"Cookie": cookie} if cookie else {}))
            answer = connection.getresponse()
            is_page = "html" in answer.headers.get("Content-Type", "") or answer.status >= 400
            body = answer.read().decode(errors="replace") if is_page else ""
            return Answer(answer.status, body, answer.headers.get("X-Request-ID", ""))
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()
