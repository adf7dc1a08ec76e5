"""Exchanges with a certificate authority over HTTPS, and over nothing else; the size of a response is limited.

The time is limited elsewhere: deadline.py ends the whole order.
"""

import http.client
import json
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

TIMEOUT = 30.0  # seconds for the next bytes
MAX_RESPONSE_SIZE = 1 << 20  # bytes of a response
REDIRECTS = 3  # of one unsigned request
MAX_WAIT = 24 * 3600.0  # most seconds to wait, even if the authority asks for more
MAX_TEXT_LENGTH = 300  # characters of an authority's message in our log
BAD_NONCE = "urn:ietf:params:acme:error:badNonce"
PROBLEM_PREFIX = "urn:ietf:params:acme:error:"
# Troubles of the authority, which do not concern our order.
TEMPORARY_ERRORS = (BAD_NONCE, PROBLEM_PREFIX + "serverInternal")


class AcmeError(Exception):
    """An error of the authority, or of an exchange with it, in one line."""

    def __init__(self, message: str, *, kind: str = "", retry_after: float = 0.0, unreachable: bool = False) -> None:
        line = " ".join("".join(each if each.isprintable() else " " for each in message).split())
        super().__init__(line if len(line) <= MAX_TEXT_LENGTH else f"{line[:MAX_TEXT_LENGTH]}…")
        self.kind = kind
        self.retry_after = retry_after  # seconds; 0 if the authority asks for none
        self.is_temporary = unreachable or kind in TEMPORARY_ERRORS  # the authority has not judged our request


@dataclass(frozen=True, slots=True)
class Response:
    url: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def resource(self) -> "Resource":
        """Return the response as a JSON object. Raise AcmeError for anything else, such as a proxy's page."""
        try:
            members = json.loads(self.body)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            raise AcmeError(f"{self.url} answers with something else than ACME")
        return Resource(self.url, members)

    @property
    def location(self) -> str:
        return checked_url(self.headers.get("location", ""), f"the answer of {self.url}")


@dataclass(frozen=True, slots=True)
class Resource:
    """A JSON object of the authority, whose members are checked when they are read."""

    url: str
    members: dict[str, Any]

    def text(self, name: str) -> str:
        return self._get(name, str)

    def link(self, name: str) -> str:
        return checked_url(self.members.get(name), f'"{name}" of {self.url}')

    def texts(self, name: str) -> list[str]:
        values = self._get(name, list)
        if not all(isinstance(value, str) for value in values):
            raise AcmeError(f'{self.url} has no "{name}" as ACME wants it')
        return values

    def inner(self, name: str) -> "Resource":
        return Resource(self.url, self._get(name, dict))

    def list_of(self, name: str) -> list["Resource"]:
        return [Resource(self.url, value) for value in self._get(name, list) if isinstance(value, dict)]

    def _get[T](self, name: str, kind: type[T]) -> T:
        value = self.members.get(name)
        if not isinstance(value, kind):
            raise AcmeError(f'{self.url} has no "{name}" as ACME wants it')
        return value


def checked_url(value: object, of: str) -> str:
    if not isinstance(value, str) or not value.startswith("https://"):
        raise AcmeError(f"{of} is not an address of https")
    return value


class Exchange:
    """Sends requests, through the environment's proxy if there is one.

    The authority's own certificate is checked as Python does it.
    """

    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        ):
            self._opener.add_handler(handler)  # no handler follows redirects, or speaks anything but https

    def request(self, method: str, url: str, body: bytes | None = None) -> Response:
        """Send a request, and return the response.

        Raise AcmeError if the authority cannot be reached, and ProblemError if it refuses.
        """
        for _ in range(REDIRECTS):
            status, response = self._request(method, checked_url(url, url), body)
            if 200 <= status < 300:
                return response
            if status not in (301, 302, 303, 307, 308):
                raise ProblemError(status, response)
            if method not in ("GET", "HEAD"):  # a signature is for one URL, and must not go to another
                raise AcmeError(f"{url} redirects to another address, and a signed request must not follow")
            target = urljoin(url, response.headers.get("location", ""))
            url = checked_url(target, f"{target}, where {url} leads,")
        raise AcmeError(f"{url} redirects too often")

    def _request(self, method: str, url: str, body: bytes | None) -> tuple[int, Response]:
        """Send one request; return the status and the response, whatever they are."""
        headers = {"Content-Type": "application/jose+json", "User-Agent": self._user_agent}
        try:
            request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - https, see above
            response = self._opener.open(request, timeout=TIMEOUT)
            if not isinstance(response, http.client.HTTPResponse):
                raise OSError("no answer of HTTP")
            with response:
                names = {name.lower(): value for name, value in response.headers.items()}
                return response.status, Response(url, names, read_body(response, url))
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an invalid URL
            reason = getattr(error, "reason", error)
            raise AcmeError(f"cannot reach {url}: {reason}", unreachable=True) from error


class ProblemError(AcmeError):
    """An error in the authority's own words (RFC 7807)."""

    def __init__(self, status: int, response: Response) -> None:
        self.response = response
        try:
            problem = response.resource()
            kind = problem.text("type")
            parts = [problem, *(problem.list_of("subproblems") if "subproblems" in problem.members else ())]
            detail = "; ".join(str(part.members.get("detail")) for part in parts[:10])
        except AcmeError:
            kind, detail = "", f"{response.url} answers {status}"
        message = f"{detail} ({kind.removeprefix(PROBLEM_PREFIX)})" if kind else detail
        super().__init__(message, kind=kind, retry_after=retry_after(response.headers))
        self.is_temporary = self.is_temporary or (not kind and status >= 500)


def read_body(response: http.client.HTTPResponse, url: str) -> bytes:
    """Return the whole body, or raise an exception.

    When it reads a limited number of bytes, Python's own client does not report that some are missing.
    """
    body = response.read(MAX_RESPONSE_SIZE + 1)
    if len(body) > MAX_RESPONSE_SIZE:
        raise AcmeError(f"{url} answers with more than {MAX_RESPONSE_SIZE} bytes")
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that the authority asks us to wait, at most a day; 0 if it asks for none."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(0.0, seconds), MAX_WAIT)
