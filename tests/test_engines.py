"""Each engine keeps its promises, on real servers. The test runs the program that anybody can run."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ci.conformance import recorded, tables
from djbundle.tasks.conformance import report
from djbundle.tasks.conformance.promise import BROKEN, IN_PART, KEPT, REFUSED, Outcome
from tests.conftest import REPOSITORY
from tests.support.engines import ENGINES, Engine, Servers
from tests.support.wheel import make_environment

SQLITE, IMMEDIATE = (next(each for each in ENGINES if each.name == name) for name in ("sqlite", "immediate"))
QUICK = (
    *("rolled_back", "dies_right_after", "takes_longer", "return_value_is_recorded", "JSON_cannot_hold", "at_its_time"),
    *("runs_again", "ordering_key", "group_gets", "no_worker_knows"),
)
NAMES = """
import django, json
django.setup()
from djbundle.tasks.conformance.promises import promises
print(json.dumps({each.name: each.sentence for each in promises}))
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers() as servers:
        yield servers


def only(*texts: str) -> list[str]:
    return [option for text in texts for option in ("--only", text)]


def verdicts(result: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    assert result.stdout, result.stderr
    return {outcome.name: outcome.verdict for outcome in recorded.parse(result.stdout)}


# --- the program ---


def test_some_promises_of_ours(servers: Servers, tmp_path: Path) -> None:
    """A few that need workers, kills and a second process; all of them on each engine: below."""
    result = SQLITE.check(servers, tmp_path, "--json", *only(*QUICK))
    ends = verdicts(result)
    assert len(ends) >= len(QUICK)
    assert set(ends.values()) == {KEPT}, result.stdout
    assert result.returncode == 0


def test_backend_that_breaks_promises(servers: Servers, tmp_path: Path) -> None:
    """Django's immediate backend runs tasks of a transaction that is rolled back, and says that it has no results."""
    result = IMMEDIATE.check(servers, tmp_path, "--json", *only("rolled_back", "by_its_id", "enqueued", "killed"))
    ends = verdicts(result)
    assert ends["a_task_of_a_transaction_that_is_rolled_back_never_runs"] == BROKEN
    assert ends["a_result_is_found_by_its_id"] == REFUSED
    assert ends["a_task_runs_after_it_is_enqueued"] == KEPT
    assert ends["a_task_of_a_worker_that_is_killed_runs_again"] == REFUSED
    assert result.returncode == 1


def test_nothing_is_left_behind(servers: Servers, tmp_path: Path) -> None:
    """The rows of tasks, groups and schedules are deleted, and no worker lives on."""
    SQLITE.check(servers, tmp_path, *only("what_follows_a_group", "each_tick", "90_days"))
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection:
        for name in ("taskrecord", "taskgroup", "schedule"):
            assert connection.execute(f"SELECT COUNT(*) FROM djbundle_tasks_{name}").fetchone() == (0,), name
    running = subprocess.run(["pgrep", "--full", str(tmp_path)], capture_output=True, text=True, check=False)
    assert running.stdout == ""


def test_tables_for_people() -> None:
    outcomes = [
        Outcome("Runs", "a_task_runs", "A task runs", KEPT),
        Outcome("Results", "a_result_is_found", "A result is found", REFUSED, "supports_get_result is False"),
    ]
    assert report.as_text(outcomes).splitlines() == [
        *("", "Runs", "  kept          A task runs"),
        *("", "Results", "  refused       A result is found: supports_get_result is False"),
        *("", "1 kept, 0 kept in part, 1 refused, 0 broken"),
    ]
    assert report.as_markdown(outcomes).splitlines()[2:] == [
        "| A task runs | kept |  |",
        "| A result is found | refused | supports\\_get\\_result is False |",
        *("", "1 kept, 0 kept in part, 1 refused, 0 broken"),
    ]


def test_backend_whose_worker_nobody_names(servers: Servers, tmp_path: Path) -> None:
    engine = Engine("unnamed", "", IMMEDIATE.settings)
    result = engine.check(servers, tmp_path, has_tables=False)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "error: nothing says how to start a worker of ImmediateBackend",
        '  fix: say  --worker "python manage.py ..."  once for each kind of worker, or --no-worker',
    ]


# --- the engines ---


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_all_promises(servers: Servers, tmp_path: Path, engine: Engine) -> None:
    """Each ends as the document says, or better: what is not promised may be kept all the same."""
    result = engine.check(servers, tmp_path, "--json")
    written = {outcome.name: outcome.verdict for outcome in recorded.load()[engine.name]}
    ends = verdicts(result)
    assert ends.keys() == written.keys()
    assert [name for name in ends if ends[name] not in (KEPT, written[name])] == [], result.stdout


@pytest.mark.slow
def test_django52(servers: Servers, tmp_path: Path) -> None:
    packages = ("django>=5.2,<6", "django-tasks>=0.12", "cronsim")
    python = make_environment(tmp_path / "environment", "3.12", *packages) / "python"
    (tmp_path / "data").mkdir()
    result = SQLITE.check(servers, tmp_path / "data", "--json", python=str(python))
    assert set(verdicts(result).values()) == {KEPT}, result.stdout


# --- the document ---


def test_document_names_every_promise() -> None:
    """The promises are those of the program, and the tables those of the recorded runs."""
    names = subprocess.run(
        [sys.executable, "-c", NAMES],
        cwd=REPOSITORY,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    sentences = json.loads(names.stdout)
    assert len(sentences) > 50
    text = tables.DOCUMENT.read_text()
    missing = [sentence for sentence in sentences.values() if f"| {sentence} |" not in text]
    assert missing == []
    runs = recorded.load()
    assert {*runs} == {engine.name for engine in ENGINES}
    assert all({each.name for each in outcomes} == {*sentences} for outcomes in runs.values())
    assert tables.filled(text, runs) == text


def test_ours_break_no_promise() -> None:
    """Each promise that is refused or kept in part has a reason."""
    runs = recorded.load()
    outcomes = [each for engine in ENGINES if engine.is_ours for each in runs[engine.name]]
    assert [each for each in outcomes if each.verdict == BROKEN] == []
    assert all(each.reason for each in outcomes if each.verdict in (IN_PART, REFUSED))
