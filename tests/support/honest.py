"""Honest clients of a site of the small project, each with its own address: their failures and response times."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.load import was_closed
from tests.support.websocket import Reachable

REQUEST_TIMEOUT = 30.0  # seconds
THINK_TIME = (0.2, 2.0)  # seconds between two requests
LARGE_SIZE = 2 << 20  # bytes of the page /large/

Expected = Callable[[bytes], bool]


@dataclass(frozen=True)
class Step:
    method: str
    path: str
    expected: Expected = bool
    body: int = 0  # bytes


STEPS = (
    *[Step("GET", "/"), Step("GET", "/static/notes/notes.css"), Step("GET", "/whoami/")] * 4,
    *[Step("POST", "/size/", lambda body: body.startswith(b"1000 in"), 1000)] * 3,
    Step("POST", "/size/", lambda body: body.startswith(b"300000 in"), 300_000),
    Step("POST", "/size/", lambda body: body.startswith(b"3000000 in"), 3_000_000),
    Step("GET", "/large/", lambda body: len(body) == LARGE_SIZE),
    Step("GET", f"/stream/?size={LARGE_SIZE}", lambda body: len(body) == LARGE_SIZE),
    Step("GET", "/media/small.pdf", lambda body: len(body) == LARGE_SIZE),
    Step("HEAD", "/up", lambda body: not body),
    Step("GET", "/up"),
)


@dataclass
class ClientResults:
    """The results of all clients."""

    requests: list[float] = field(default_factory=list)  # seconds of each
    failures: Counter[str] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """Return a percentile of the response times, in milliseconds."""
        times = sorted(self.requests) or [0.0]
        return 1000 * times[min(len(times) - 1, int(share * len(times)))]


def run_clients(site: Reachable, clients: int, ended: threading.Event) -> ClientResults:
    """Let `clients` send requests until `ended` is set. Some keep their connection."""
    results = ClientResults()
    threads = [threading.Thread(target=_run_client, args=[site, number, ended, results]) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _run_client(site: Reachable, number: int, ended: threading.Event, results: ClientResults) -> None:
    chance, address = random.Random(number), urlsplit(site.url)
    source = (f"127.0.2.{number + 1}", 0)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, REQUEST_TIMEOUT, source)
    while not ended.wait(chance.uniform(*THINK_TIME)):
        step = chance.choice(STEPS)
        if was_closed(connection):
            connection.close()
        began = time.monotonic()
        try:
            connection.request(step.method, step.path, b"a" * step.body or None)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            results.failures[f"{step.method} {step.path}: {error!r}"] += 1
            connection.close()
            continue
        results.requests.append(time.monotonic() - began)
        if response.status != 200 or not step.expected(content):
            results.failures[f"{step.method} {step.path}: {response.status}, {len(content)} bytes"] += 1
        if number % 2 or response.will_close:
            connection.close()
    connection.close()
