"""A failure outside a bundle counts as the same as the one inside, or not, or it is not known."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.builder.verify import comparison, verification
from djbundle.builder.verify.comparison import Comparison, timeout_after
from djbundle.builder.verify.crawl_record import CrawlRecord, Fate, Problem, Request
from djbundle.builder.verify.outcomes import Outcomes, gap_of, is_same, read_outcomes
from djbundle.errors import VerificationError

PAGE = Request("/")


@pytest.mark.parametrize(
    ("message", "outcome", "same"),
    [
        ("ValueError: /djb/shop/a.txt", "ValueError: /home/me/shop/a.txt", True),
        ("ValueError: 1", "", False),
        ("ValueError: 1", "KeyError: 1", False),
        ("ModuleNotFoundError: No module named 'a'", "ModuleNotFoundError: No module named 'a'", True),
        ("ModuleNotFoundError: No module named 'a'", "ModuleNotFoundError: No module named 'b'", False),
        ("shop.errors.Refused: no", "shop.errors.Refused: no", True),
        ("shop.errors.Refused: no", "bakery.errors.Refused: no", False),
    ],
)
def test_errors(message: str, outcome: str, same: bool) -> None:
    assert is_same(Problem(str(PAGE), message, "Traceback ...", PAGE), outcome) is same


def test_statuses() -> None:
    problem = Problem(str(PAGE), "it is answered 503", request=PAGE)
    assert is_same(problem, "503")
    assert not is_same(problem, "500")
    assert not is_same(problem, "")


def test_error_without_a_traceback() -> None:
    """A site may log no errors, and its bundle then shows only the status."""
    problem = Problem(str(PAGE), "it is answered 500", request=PAGE)
    assert is_same(problem, "shop.models.Config.DoesNotExist: there is none")
    assert [is_same(problem, each) for each in ("", "404", "hangs", "dies")] == [False] * 4


def test_commands() -> None:
    assert is_same(Problem("migrate", "the table is there already"), "django.db.utils.OperationalError: no")
    assert not is_same(Problem("migrate", "the table is there already"), "")


TRACE = "Traceback (most recent call last):\n"


def page(path: str, message: str = "ValueError: 1", fate: Fate = "") -> Problem:
    request = Request(path)
    return Problem(str(request), message, TRACE, request, fate)


class Planned(Comparison):
    """Has these outcomes outside, one for each try."""

    tries: Sequence[Outcomes]
    asked: list[list[str]]

    def try_outside(self, problems: list[Problem], *_: Any) -> Outcomes:
        self.asked.append([each.what for each in problems])
        return self.tries[len(self.asked) - 1]


def sorted_record(tmp_path: Path, problems: list[Problem], *tries: Outcomes) -> tuple[CrawlRecord, list[list[str]]]:
    """Return the record after a comparison, and what was tried. There are databases of before and after the crawl."""
    (tmp_path / "before").mkdir()
    for name in ("db.sqlite3", "before/default.sqlite3"):
        (tmp_path / name).touch()
    asked: list[list[str]] = []
    members = {"tries": tries, "asked": asked}
    compared = type("Members", (Planned,), members)(None, {}, tmp_path)
    record = CrawlRecord(is_empty=True, problems=problems, site_facts={"databases": {"default": "db.sqlite3"}})
    compared.sort_problems(record, tmp_path)
    return record, asked


def test_page_that_fails_in_the_project_too_is_a_warning(tmp_path: Path) -> None:
    same = Outcomes({"GET /a/": "ValueError: there"})
    record, asked = sorted_record(tmp_path, [page("/a/")], same)
    assert record.problems == []
    assert record.warnings == ["GET /a/: ValueError: 1 (outside of a bundle too)"]
    assert asked == [["GET /a/"]]


def test_page_that_fails_only_before_the_crawl_is_a_warning(tmp_path: Path) -> None:
    outcomes = Outcomes({"GET /a/": ""}), Outcomes({"GET /a/": "ValueError: there"})
    record, _ = sorted_record(tmp_path, [page("/a/")], *outcomes)
    assert (record.problems, len(record.warnings)) == ([], 1)


def test_page_that_works_in_the_project_is_a_problem_of_the_bundle(tmp_path: Path) -> None:
    works = Outcomes({"GET /a/": ""})
    record, _ = sorted_record(tmp_path, [page("/a/")], works, works)
    assert [each.message for each in record.problems] == ["ValueError: 1"]


def test_comparison_that_runs_out_of_time_blames_nobody(tmp_path: Path) -> None:
    """The outcomes so far count. The other pages may also fail in the sources, so they are not blamed on the bundle."""
    problems = [page("/works/"), page("/late/"), page("/same/")]
    found = Outcomes({"GET /same/": "ValueError: there", "GET /works/": ""}, "it ran out of its 120 s")
    record, asked = sorted_record(tmp_path, problems, found)
    assert record.warnings == ["GET /same/: ValueError: 1 (outside of a bundle too)"]
    told = "ValueError: 1 (not compared with the sources: it ran out of its 120 s)"
    assert [each.message for each in record.problems] == [told, told]
    assert len(asked) == 1
    with pytest.raises(VerificationError) as refused:
        verification.raise_for_problems(record, "from the sources it works")
    assert refused.value.cause == f"GET /works/ fails: {told}, and 1 more"
    assert refused.value.fix.startswith("build again while the machine has less to do")


def test_certain_problems_come_first(tmp_path: Path) -> None:
    works = Outcomes({"GET /works/": ""}, "it could not be made: no")
    record, _ = sorted_record(tmp_path, [page("/late/"), page("/works/")], Outcomes({"GET /works/": ""}), works)
    assert [each.what for each in record.problems] == ["GET /works/", "GET /late/"]


@pytest.mark.parametrize(
    ("problem", "outcomes", "gap"),
    [
        (page("/a/"), Outcomes({}, "it could not be made: no"), "it could not be made: no"),
        (page("/a/"), Outcomes({"not started": "KeyError: 'A'"}), "the project does not start there: KeyError: 'A'"),
        (page("/a/"), Outcomes({"GET /a/": "hangs"}), "it did not answer there in time"),
        (page("/a/", fate="dies"), Outcomes({"GET /a/": "hangs"}), ""),
        (page("/a/"), Outcomes({"GET /a/": "KeyError: 1"}), ""),
    ],
)
def test_what_is_not_known(problem: Problem, outcomes: Outcomes, gap: str) -> None:
    assert outcomes.gap_for(problem) == gap
    assert not outcomes.has_same(problem)


def test_project_that_does_not_start_as_its_bundle() -> None:
    assert Outcomes({"not started": "ValueError: 2"}).has_same(page("/a/"))


def test_time_follows_from_the_crawl() -> None:
    assert timeout_after(CrawlRecord(is_empty=True, seconds=3)) == comparison.MIN_TIMEOUT
    assert timeout_after(CrawlRecord(is_empty=True, seconds=300)) == 1200


def test_comparison_that_is_ended_keeps_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "outcomes").write_text('["GET /", "404"]\n["GET /a/", "Val')
    assert read_outcomes(tmp_path / "outcomes", "no time").found == {"GET /": "404"}
    assert read_outcomes(tmp_path / "absent", "no time") == Outcomes({}, "no time")


WRITES_AND_HANGS = """
import pathlib, sys, time
(pathlib.Path(sys.argv[1]) / "outcomes.jsonl").write_text('["GET /a/", "404"]\\n')
time.sleep(1000)
"""


def test_comparison_is_ended_when_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data := tmp_path / "data").mkdir()
    project: Any = SimpleNamespace(root=tmp_path, settings_variables=dict)
    monkeypatch.setattr(comparison, "project_command", lambda _statement: [sys.executable, "-c", WRITES_AND_HANGS])
    monkeypatch.setattr(comparison, "timeout_after", lambda _record: 3.0)
    compared = Comparison(project, {}, tmp_path)
    outcomes = compared.try_outside([page("/a/"), page("/b/")], CrawlRecord(is_empty=True), data, {})
    assert outcomes == Outcomes({"GET /a/": "404"}, "it ran out of its 3 s")


def test_why_a_comparison_could_not_be_made() -> None:
    def gap(code: int, stderr: str) -> str:
        return gap_of(subprocess.CompletedProcess([], code, "", stderr))

    assert gap(0, "a warning") == ""
    assert gap(1, f"{TRACE}  File\nOSError: no") == "it could not be made: OSError: no"
    assert gap(-9, "") == "it could not be made: its process ended with code -9"
