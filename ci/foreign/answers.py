"""A page of a site in a form in which two sites can be compared: without what differs from one request to the next."""

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

TIMEOUT = 60.0  # seconds
# What names the server, the connection or the time, or follows from the body.
OWN_HEADERS = frozenset(
    (
        *(
            "alt-svc",
            "connection",
            "content-length",
            "date",
            "etag",
            "expires",
            "keep-alive",
            "last-modified",
            "server",
        ),
        *("transfer-encoding", "x-request-id"),
    )
)
# Lists whose order means nothing. Some sites make them of sets, whose order differs from one process to the next.
LISTS = frozenset(("access-control-allow-headers", "access-control-allow-methods", "allow", "vary"))
MARKS = (
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"\b([A-Za-z0-9]{64}|[0-9a-f]{40})\b"), "TOKEN"),  # of CSRF protection, of an API
    (re.compile(r"(nonce[=-]\"?)[\w+/=-]{16,}"), r"\1NONCE"),
    (re.compile(r"\.[0-9a-f]{8,12}(?=\.\w+)"), ""),  # the hash in the name of a static file
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b\d{1,2}:\d\d(:\d\d(\.\d+)?)?\s?([ap]\.?m\.?)?"), "TIME"),
    (re.compile(r"\b(?=[a-z]*\d)[0-9a-z]{32}\b"), "UUID"),  # and sessions
    (re.compile(r'("challenge": ")[\w-]{43}"'), r'\1CHALLENGE"'),
    (re.compile(r"\d+\xa0(second|minute)s?|\b\d+(\.\d+)? m?s\b"), "AGO"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "ADDRESS"),
    (re.compile(r"\b1[78]\d{8}(\.\d+)?\b"), "NOW"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request: status, headers, the names of cookies, and the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...]
    body: str
    links: frozenset[str] = frozenset()

    def lines(self) -> list[str]:
        """Return the answer as lines. Those of two equal answers are equal."""
        heads = [f"{name}: {value}" for name, value in self.headers]
        return [f"status {self.status}", *heads, *(f"cookie {name}" for name in self.cookies), *self.body.splitlines()]


def get(url: str, cookie: str, path: str, *, is_https: bool = False) -> Answer:
    """Request a page, and follow no redirect. A page that does not answer has the status 0."""
    headers = {"Host": "localhost", "Accept": "text/html,*/*", "Accept-Language": "en"}
    headers |= {"Cookie": cookie} if cookie else {}
    headers |= {"X-Forwarded-Proto": "https"} if is_https else {}
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, (), (), f"{type(error).__name__}: {error}")
    finally:
        connection.close()
    own = {header(name.lower(), value) for name, value in response.getheaders() if name.lower() != "set-cookie"}
    cookies = {each.partition("=")[0] for each in response.headers.get_all("Set-Cookie", ())}
    is_text = re.search(r"text|json|xml|script", response.headers.get("Content-Type", ""))
    text = body.decode(errors="replace") if is_text else f"{len(body)} bytes"
    links = frozenset(links_of(text, path)) if "html" in response.headers.get("Content-Type", "") else frozenset()
    headers_kept = tuple(sorted(each for each in own if each[0] not in OWN_HEADERS))
    return Answer(response.status, headers_kept, tuple(sorted(cookies)), marked(text), links)


def header(name: str, value: str) -> tuple[str, str]:
    """Return a header in the form in which two can be compared."""
    return name, ", ".join(sorted(value.split(", "))) if name in LISTS else marked(value)


def marked(text: str) -> str:
    """Return the text with marks for what differs from one request to the next."""
    for pattern, mark in MARKS:
        text = pattern.sub(mark, text)
    return text


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if tag == "a" and name == "href" and value]


def links_of(text: str, path: str) -> Iterator[str]:
    """Yield the paths of this site to which a page links."""
    parser = _Links()
    parser.feed(text)
    for link in parser.found:
        url = urlsplit(urldefrag(urljoin(f"http://localhost{path}", link)).url)
        if url.scheme == "http" and url.netloc == "localhost":
            yield url._replace(scheme="", netloc="").geturl() or "/"
