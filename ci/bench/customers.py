"""Customers of the shop, as browsers with kept connections: they browse, search, fill a basket; some buy."""

import http.client
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from multiprocessing import get_context
from urllib.parse import urlencode, urlsplit

from tests.support.customer import ADDRESS, GOOD_CARD

BUYERS = 0.1  # share of customers
WORDS = ("lamp", "oak", "linen", "cup", "blue")


@dataclass
class CustomerResults:
    """The results of all customers of one run."""

    seconds: float = 0.0
    customers: int = 0
    bought: int = 0
    requests: list[float] = field(default_factory=list)  # seconds of each
    failures: Counter[str] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """Return a percentile of the response times, in milliseconds."""
        return 1000 * sorted(self.requests)[min(len(self.requests) - 1, int(share * len(self.requests)))]


class Browser:
    """The browser of one customer. A status of 400 or more, or no response, is counted and raises FailedError."""

    def __init__(self, url: str, results: CustomerResults) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._cookies: SimpleCookie = SimpleCookie()
        self._results = results

    def get(self, path: str) -> str:
        return self._ask("GET", path)

    def post(self, path: str, page: str, **fields: str) -> str:
        """Send the form of `page`, and follow redirects."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        return self._ask("POST", path, urlencode({"csrfmiddlewaretoken": token[1] if token else "", **fields}))

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> str:
        headers = {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started_at = time.monotonic()
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._fail(f"{method} {path.split('/')[1]}: {error!r}")
        self._results.requests.append(time.monotonic() - started_at)
        for value in response.headers.get_all("Set-Cookie", ()):
            self._cookies.load(value)
        if response.status >= 400:
            self._fail(f"{method} {path.split('/')[1]}: {response.status}")
        if response.status in (302, 303):
            return self.get(urlsplit(response.headers["Location"]).path)
        return content.decode(errors="replace")

    def _fail(self, failure: str) -> None:
        self._results.failures[failure] += 1
        raise FailedError(failure)


class FailedError(Exception):
    pass


def shop(browser: Browser, chance: random.Random, number: int) -> bool:
    """Act as one customer, and return whether the customer bought something."""
    page = browser.get("/")
    for path in sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))):
        browser.get(path)
    page = browser.get(chance.choice(re.findall(r'href="(/category/[\w-]+/)"', page)))
    products = re.findall(r'href="/product/([\w-]+)/"', page)
    browser.get(f"/product/{chance.choice(products)}/")
    browser.get(f"/search/?q={chance.choice(WORDS)}")
    slug = chance.choice(products)
    page = browser.get(f"/product/{slug}/")
    if chance.random() >= BUYERS:
        return False
    browser.post(f"/basket/add/{slug}/", page, quantity="1")
    page = browser.get("/checkout/")
    confirmation = browser.post(
        "/checkout/", page, email=f"customer{number}@example.com", **ADDRESS, card_number=GOOD_CARD
    )
    if "csrfmiddlewaretoken" in confirmation and "card_number" in confirmation:
        raise FailedError("the form came back")
    return True


def run_customers(url: str, customers: int, at_once: int, per_second: float | None) -> CustomerResults:
    """Let `customers` come: always `at_once` of them, or at random moments, `per_second` on average."""
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:  # mails in the same process would distort the times
        return apart.submit(_run_customers, url, customers, at_once, per_second).result()


def _run_customers(url: str, customers: int, at_once: int, per_second: float | None) -> CustomerResults:
    results = CustomerResults(customers=customers)
    numbers, lock = iter(range(customers)), threading.Lock()
    arrivals = _arrivals(customers, per_second)
    began = time.monotonic()

    def serve_some() -> None:
        while True:
            with lock:
                number, arrival = next(numbers, None), next(arrivals, 0.0)
            if number is None:
                return
            time.sleep(max(0.0, began + arrival - time.monotonic()))
            browser = Browser(url, results)
            try:
                results.bought += shop(browser, random.Random(number), number)
            except FailedError as error:
                results.failures[f"gave up: {error}"] += 1
            finally:
                browser.close()

    threads = [threading.Thread(target=serve_some) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.seconds = time.monotonic() - began
    return results


def _arrivals(customers: int, per_second: float | None) -> Iterator[float]:
    """Yield seconds after the start for each customer: 0 if there is no rate."""
    chance, now = random.Random(1), 0.0
    for _ in range(customers):
        now += chance.expovariate(per_second) if per_second else 0.0
        yield now
