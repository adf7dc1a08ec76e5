"""A page that kills its process, cuts its connection or never answers fails a verification, in the project too."""

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from djbundle.builder.core.sandbox import may_isolate
from tests.conftest import DJBUNDLE, PROJECTS, build, run_build
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

VARIABLE = "CRASHING_PAGES"


@pytest.fixture(scope="module")
def crashing(bundles: Path) -> Path:
    return build(PROJECTS / "crashing", bundles / "crashing" / "crashing")


def verify(bundle: Path, *pages: str) -> tuple[int, dict[str, Any], str]:
    command: list[str | Path] = [DJBUNDLE, "verify", bundle, "--env", f"{VARIABLE}={','.join(pages)}", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return result.returncode, json.loads(result.stdout), result.stderr


def messages_of(report: dict[str, Any]) -> dict[str, str]:
    return {each["what"]: each["said"] for each in report["problems"]}


def test_plain_page_passes(crashing: Path) -> None:
    code, report, _ = verify(crashing, "plain")
    assert (code, report["problems"]) == (0, [])


def test_page_that_ends_its_process_is_a_failure(crashing: Path) -> None:
    """The report shows the signal and the last output; the next process answers the pages after it."""
    code, report, printed = verify(crashing, "leave", "crash", "plain")
    assert code == 29
    assert messages_of(report) == {
        "GET /crash/": (
            "its process was killed by SIGSEGV: a library written in C has crashed while answering GET /crash/"
        ),
        "GET /leave/": "its process ended with code 0 while answering GET /leave/",
    }
    assert "the last words of the page" in next(each["trace"] for each in report["problems"] if "leave" in each["what"])
    assert report["pages"] == 3
    assert "GET /crash/ fails: its process was killed by SIGSEGV" in printed


def test_page_that_is_cut_off_or_hangs_is_a_failure(crashing: Path) -> None:
    code, report, printed = verify(crashing, "reset", "hang", "plain")
    assert code == 29
    assert messages_of(report)["GET /hang/"] == "no answer began within 10 s, twice"
    assert messages_of(report)["GET /reset/"].startswith("its connection was closed without an answer (")
    assert len(report["problems"]) == 2
    assert "an answer has to begin within 10 s" in printed


def test_build_fails_although_the_project_does_the_same(tmp_path: Path) -> None:
    if not may_isolate():
        pytest.skip("this kernel lets nobody make namespaces")
    output = tmp_path / "crashing"
    option = ("--env", f"{VARIABLE}=crash,hang,leave")
    result = run_build(PROJECTS / "crashing", "-o", output, *option, verify=True)
    assert result.returncode == 29, result.stderr
    assert not output.exists()
    for page in ("crash", "hang", "leave"):
        (line,) = [each for each in result.stderr.splitlines() if each.startswith(f"GET /{page}/: ")]
        assert line.endswith("(outside of a bundle too)"), line
    assert result.stderr.splitlines()[-1].startswith("  fix: correct the page: it does so from the sources too")


def test_serving_site_names_the_request_that_its_process_died_of(crashing: Path, tmp_path: Path) -> None:
    environment = bare_environment(**{VARIABLE: "plain,crash"})
    options = ("--workers", "1", "--blocking-threads", "1")  # so that /plain/ has ended when /crash/ begins
    with Site(crashing, tmp_path / "data", environment, *options) as site:
        assert urlopen(f"{site.url}/plain/", timeout=30).status == 200
        with pytest.raises(OSError, match=r"."):
            urlopen(f"{site.url}/crash/?token=hidden%0aerror", timeout=30)
        log_text = "while answering GET /crash/; it is started again"
        wait_until(lambda: log_text in site.log.read_text(), "its death is told")
        assert "hidden" not in site.log.read_text()


def test_what_pages_and_tasks_print_is_seen_at_once(crashing: Path, small: Path, tmp_path: Path) -> None:
    """Output must not wait until the process has printed 8 KB or exits: standard output is no terminal here."""
    with Site(crashing, tmp_path / "crashing", bare_environment(), "--workers", "1") as site:
        urlopen(f"{site.url}/plain/", timeout=30)
        wait_until(lambda: "printed by a page" in site.log.read_text(), "what a page prints")
    with Site(small, tmp_path / "small", bare_environment(), "--workers", "1") as site:
        site.shell("from notes.tasks import say; say.enqueue('printed by a task')")
        wait_until(lambda: "printed by a task" in site.log.read_text(), "what a task prints")
