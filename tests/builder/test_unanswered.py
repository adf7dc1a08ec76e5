"""A death in the log of a crawled site: which process died, of what, and which page is to blame."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from djbundle.builder.verify import page_crawl
from djbundle.builder.verify.client import Client, Response
from djbundle.builder.verify.crawl_record import CrawlRecord, Problem, Request
from djbundle.builder.verify.site_log import SiteLog
from djbundle.builder.verify.unanswered import problem_without_answer
from djbundle.contract import variables, verification
from djbundle.runtime.logs.formats import Line, as_json
from djbundle.runtime.process.exit_reason import death_fields, describe_exit
from djbundle.runtime.process.in_flight import InFlight

FIRST, SECOND = Request("/first page/"), Request("/second/", superuser=True)


@pytest.fixture(autouse=True)
def _verify_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.VERIFY_MODE, "1")


def death_line(*paths: str) -> str:
    """Return the log line that the runtime writes when a web process dies while it answers these paths."""
    in_flight = InFlight()
    for path in paths:
        in_flight.begin(f"GET {path}".encode())
    requests = in_flight.take()
    cause = describe_exit(-11, "", is_out_of_memory=False, requests=requests)
    return as_json(Line(0.0, "error", "serve", f"web {cause}", death_fields("web", cause, requests)))


@pytest.mark.parametrize(
    ("paths", "culprit"),
    [
        ((SECOND.path,), SECOND),
        ((FIRST.path,), FIRST),
        ((FIRST.path, SECOND.path), SECOND),  # unknown which: the page that did not answer
        ((), SECOND),
        (("/never/crawled/",), SECOND),
    ],
)
def test_page_that_the_death_names_is_to_blame(tmp_path: Path, paths: tuple[str, ...], culprit: Request) -> None:
    log = SiteLog(tmp_path / "log")
    log.file.write_text(f"the last words\n{death_line(*paths)}\n")
    problem = problem_without_answer(SECOND, ConnectionResetError("reset"), log, [FIRST])
    assert (problem.request, problem.fate, problem.trace) == (culprit, "dies", "the last words")
    assert problem.message.startswith("its process was killed by SIGSEGV: a library written in C has crashed")


def test_other_log_lines_are_no_deaths(tmp_path: Path) -> None:
    """A page may print anything, also the words of the supervisor."""
    log = SiteLog(tmp_path / "log")
    text = "web was killed by SIGSEGV; it is started again"
    lines = [text, json.dumps({"source": "shop", "msg": text}), json.dumps({verification.DEAD_PROCESS: "web"})]
    log.file.write_text("\n".join(lines))
    assert log.next_deaths() == []


def test_outside_verify_mode_the_log_line_has_no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variables.VERIFY_MODE)
    assert death_fields("web", "ended with code 1", []) == {}


def test_page_that_met_the_death_of_an_earlier_one_is_requested_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crawler first sees that the connection of an earlier page broke off, and learns why at the next one."""
    log = SiteLog(tmp_path / "log")
    log.file.write_text(death_line(FIRST.path) + "\n")
    record = CrawlRecord(is_empty=False, site_facts={"cookies": ["a=b"]})
    record.problems = [Problem(str(FIRST), "its connection was closed", "", FIRST, "breaks off")]
    outcomes: Iterator[OSError | Response] = iter([ConnectionResetError("reset"), Response(200, "")])

    def get(*_: object) -> Response:
        outcome = next(outcomes)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    monkeypatch.setattr(page_crawl, "get_with_retry", get)
    monkeypatch.setattr(page_crawl, "wait_until_back", lambda *_: None)
    client = Client(("127.0.0.1", 1), "localhost", "", is_https=False)
    crawl = page_crawl.PageCrawl(client, record, log, lambda _share: None)
    crawl.requested = [FIRST]
    assert crawl.request_page(SECOND) == (200, set())
    assert [(each.request, each.fate) for each in record.problems] == [(FIRST, "dies")]
