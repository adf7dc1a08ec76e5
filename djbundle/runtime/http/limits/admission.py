"""Decides which requests reach the site. Some are malformed or too large; some come from clients that take nothing."""

import threading
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

from djbundle.runtime.http.limits.bodies import Bodies, Enter, close_body
from djbundle.runtime.http.limits.budget import HOLD_TIMEOUT, MAX_HELD_REQUESTS
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.http.protocol.validity import refusal


class Admission:
    """Admits requests.

    It tries in this order: refuse, hold back while the client takes too little, answer with a file, receive the body,
    enter the site.

    `put` hands a request to the site from any thread; the `enter` of `admit` does so in one of Granian's. `answer`
    answers requests that need no site, and returns whether it did. `is_at_limit` tells whether a client has so many
    requests that no more may come in.
    """

    def __init__(
        self,
        limits: Limits,
        bodies: Bodies,
        put: Callable[[Request], None],
        answer: Callable[[Request], bool] = lambda _request: False,
        is_at_limit: Callable[[str], bool] = lambda _client: False,
    ) -> None:
        self.max_body, self.refusals, self.budget = limits.options.max_body, limits.refusals, limits.budget
        self.flooders = limits.flooders
        self.bodies, self.put, self.answer, self.is_at_limit = bodies, put, answer, is_at_limit
        self.held: deque[tuple[Request, Enter]] = deque()
        self.sweep_lock = threading.Lock()

    def admit(self, request: Request, enter: Enter) -> None:
        if status := refusal(request.environ, self.max_body):
            self.refusals.refuse(request, status, status.phrase.lower())
        elif self.is_at_limit(request.client):
            self.flooders.note(request.transport.connection[0])
            self.refusals.refuse(request, HTTPStatus.TOO_MANY_REQUESTS, "the client has too many requests that wait")
        elif self.budget.is_spent(request.transport.connection, request.client):
            self.hold(request, enter)
        else:
            self.forward(request, enter, enter)

    def forward(self, request: Request, enter: Enter, enter_now: Enter) -> None:
        """Answer the request, or make it enter the site: now, or when its body is complete."""
        if request.spool or not (self.answer(request) or self.bodies.receive(request, enter)):
            enter_now(request)

    def hold(self, request: Request, enter: Enter) -> None:
        """Hold a request until it may enter the site, but not forever."""
        now = time.monotonic()
        request.held_until = request.held_until or now + HOLD_TIMEOUT
        if len(self.held) >= MAX_HELD_REQUESTS or now > request.held_until:
            self.refuse_held(request)
        else:
            self.held.append((request, enter))

    def refuse_held(self, request: Request) -> None:
        """Refuse a request that was held."""
        close_body(request)
        self.refusals.refuse(request, *self.budget.refusal(request.client))

    def hold_back(self, request: Request) -> bool:
        """Hold a request again if it must wait, and return whether it must.

        Other requests of its client may have been answered since it was admitted.
        """
        if not self.budget.is_spent(request.transport.connection, request.client):
            return False
        self.hold(request, self.put)
        return True

    def sweep(self) -> None:
        """Admit held requests that may enter; refuse those that waited too long. Call it each second, in any thread."""
        if not self.held or not self.sweep_lock.acquire(blocking=False):
            return
        try:
            self.readmit_held()
        finally:
            self.sweep_lock.release()

    def readmit_held(self) -> None:
        for _ in range(len(self.held)):
            request, enter = self.held.popleft()
            if not self.budget.is_spent(request.transport.connection, request.client):
                self.forward(request, enter, self.put)
            else:
                self.hold(request, enter)
