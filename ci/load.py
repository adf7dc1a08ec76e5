"""Clients of a site, who count what goes wrong for them."""

import http.client
import select
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self
from urllib.parse import quote, urlsplit

Request = Callable[[http.client.HTTPConnection, int], http.client.HTTPResponse]


class Reachable(Protocol):
    @property
    def url(self) -> str: ...


@dataclass
class Load:
    """``with Load(site):`` asks all the time: over connections that are kept, over new ones, seldom, and writing."""

    site: Reachable
    pauses: Sequence[float] = (0.0, 0.0, 0.05, 3.1)  # seconds between two requests of a client
    answers: Counter[int] = field(default_factory=Counter)  # by status
    failures: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)  # ids of tasks whose enqueuing was answered

    def __enter__(self) -> Self:
        self._end = threading.Event()
        clients = [(self._read, pause, keep) for pause in self.pauses for keep in (True, False)]
        clients.append((self._write, 0.01, True))
        self._threads = [threading.Thread(target=self._ask, args=each) for each in clients]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def seen(self) -> int:
        return sum(self.answers.values())

    def _ask(self, request: Request, pause: float, keep: bool) -> None:
        address = urlsplit(self.site.url).netloc
        connection = http.client.HTTPConnection(address, timeout=60)
        number = 0
        while not self._end.is_set():
            try:
                if was_closed(connection):
                    connection.close()
                answer = request(connection, number)
                self.answers[answer.status] += 1
                if answer.status >= 500:
                    self.failures.append(f"status {answer.status}")
                if answer.will_close or not keep:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"request {number} of one with a pause of {pause} s: {error!r}")
                connection.close()
            number += 1
            self._end.wait(pause)
        connection.close()

    @staticmethod
    def _read(connection: http.client.HTTPConnection, _number: int) -> http.client.HTTPResponse:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        return answer

    def _write(self, connection: http.client.HTTPConnection, number: int) -> http.client.HTTPResponse:
        connection.request("GET", f"/write/?text={quote(f'{time.monotonic()} {number}')}")
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status == 200:
            self.written.append(body)
        return answer


def was_closed(connection: http.client.HTTPConnection) -> bool:
    """While nothing was asked: browsers, proxies and urllib3 look before they use a connection again."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])
