"""The part of a rehearsal that runs in a version, on a clone of the data: migrations and pages. Each prints JSON."""

import contextlib
import json
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from djbundle.common.child import ChildDiedError, run_in_child
from djbundle.runtime.logs.formats import error_line

HOST = "localhost"
MAX_PAGES = 200
PAGE_TIMEOUT = 30.0  # seconds
NO_ANSWER = 599  # stands for a page that ends the process, or takes too long
ROUNDS = 2  # of requests for each page; the last one counts, since the first fills caches
LITERAL = re.compile(r"\^?([\w/.-]*)\$?")  # a regular expression that matches one path


@dataclass(slots=True)
class PageResult:
    """The answer of a version to a GET."""

    path: str
    status: int
    queries: int
    seconds: float
    error: str = ""  # the exception of a page that failed


# --- migrations ---


def migrate() -> None:
    """Migrate the databases of the clone. Print how long each migration took, and what failed with its traceback."""
    import django  # noqa: PLC0415 - the command itself runs without Django

    django.setup()
    from djbundle.runtime.database.migrations import used_databases  # noqa: PLC0415
    from djbundle.runtime.database.running_migrations import MigrationProgress, run_migrate  # noqa: PLC0415

    progress, failure = MigrationProgress(), {}
    try:
        for alias in used_databases():
            run_migrate(alias, progress)
    except Exception as error:  # a migration may raise anything
        failure = {"name": progress.current, "error": error_line(error), "trace": traceback.format_exc()}
    print(json.dumps({"seconds": progress.seconds, "failure": failure}))


# --- pages ---


def crawl() -> None:
    """Print the pages that the front page, the routes without parameters, and links lead to."""
    _set_up()
    _print(results_of_crawl())


def ask() -> None:
    """Print the results of the paths on the standard input, and of routes that are new."""
    paths = json.load(sys.stdin)
    _set_up()
    new = [path for path in routes() if path not in paths]
    _print(result for result, _ in map(ask_for, [*paths, *new][: 2 * MAX_PAGES]))


def _set_up() -> None:
    import django  # noqa: PLC0415 - the command itself runs without Django

    django.setup()


def _print(results: Iterator[PageResult]) -> None:
    print(json.dumps([asdict(each) for each in results]))


def results_of_crawl() -> Iterator[PageResult]:
    waiting = ["/", *routes()]
    known = set(waiting)
    for _ in range(MAX_PAGES):
        if not waiting:
            return
        result, body = ask_for(path := waiting.pop(0))
        yield result
        for link in links_in(body, path):
            if link not in known:
                known.add(link)
                waiting.append(link)


def ask_for(path: str) -> tuple[PageResult, str]:
    """Return the result of a page, and its HTML. A process of its own asks for it, which the page may end or block."""
    from djbundle.common.database_connections import close_connections  # noqa: PLC0415 - likewise

    close_connections()  # none may cross the fork
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer")
        try:
            run_in_child(lambda: str(answer.write_text(json.dumps(_ask_here(path)))), PAGE_TIMEOUT)
            fields, body = json.loads(answer.read_text())
        except ChildDiedError as death:
            return PageResult(path, NO_ANSWER, 0, 0.0, f"it ends the process, with code {death.code}"), ""
        except TimeoutError:
            return PageResult(path, NO_ANSWER, 0, PAGE_TIMEOUT, f"no answer within {PAGE_TIMEOUT:.0f} s"), ""
    return PageResult(**fields), body


def _ask_here(path: str) -> tuple[dict[str, Any], str]:
    """Ask for a page in this process. A stream is not read: it may never end."""
    from django.core.signals import got_request_exception  # noqa: PLC0415 - likewise
    from django.test import Client  # noqa: PLC0415

    errors: list[str] = []

    def note(**_: Any) -> None:
        errors.append(error_line(sys.exc_info()[1]))  # type: ignore[arg-type]

    got_request_exception.connect(note)
    client = Client(raise_request_exception=False, headers={"host": HOST})
    result, body = PageResult(path, NO_ANSWER, 0, 0.0), ""
    try:
        for _ in range(ROUNDS):
            errors.clear()
            began = time.perf_counter()
            with counted_queries() as statements:
                response = client.get(path, secure=True)
            result = PageResult(path, response.status_code, len(statements), time.perf_counter() - began)
            is_page = not response.streaming and response.headers.get("content-type", "").startswith("text/html")
            body = response.content.decode(errors="replace") if is_page else ""
            response.close()
    except Exception as error:  # a middleware may raise anything
        errors.append(error_line(error))
    result.error = errors[-1] if errors else ""
    return asdict(result), body


@contextlib.contextmanager
def counted_queries() -> Iterator[list[str]]:
    """Yield a list that gets the statement of each query of this thread."""
    from django.db import connections  # noqa: PLC0415 - likewise

    statements: list[str] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    with contextlib.ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(count))
        yield statements


# --- where pages are ---


def routes() -> list[str]:
    """Return the paths of the project's routes that take no parameter."""
    from django.urls import get_resolver  # noqa: PLC0415 - likewise

    return list(dict.fromkeys(_routes_in(get_resolver().url_patterns, "/")))


def _routes_in(patterns: Any, prefix: str) -> Iterator[str]:
    for each in patterns:
        found = LITERAL.fullmatch(str(each.pattern))
        if found is None:  # it has a parameter
            continue
        path = prefix + found[1].lstrip("/") if prefix.endswith("/") else prefix + found[1]
        if hasattr(each, "url_patterns"):
            yield from _routes_in(each.url_patterns, path)
        else:
            yield path


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def links_in(body: str, path: str) -> list[str]:
    """Return the paths on this site that a page links to, with their queries."""
    parser = _Links()
    parser.feed(body)
    targets = []
    for link in parser.found:
        with contextlib.suppress(ValueError):
            parts = urlsplit(urljoin(f"https://{HOST}{path}", urldefrag(link).url))
            if parts.scheme in ("http", "https") and parts.hostname == HOST:
                targets.append(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
    return targets
