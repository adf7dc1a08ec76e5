"""``djbundle verify`` finds, in an isolated place, faults that only show when a page is requested."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from djbundle.builder.core.cache import Cache
from djbundle.builder.core.sandbox import ProgressCallback, SandboxError, SandboxPaths, may_isolate, run_in_sandbox
from djbundle.builder.verify import migrated, verification
from djbundle.builder.verify.comparison import Comparison
from djbundle.builder.verify.crawl_record import CrawlRecord
from djbundle.builder.verify.migrated import MigratedData
from tests.conftest import DJBUNDLE, PROJECTS, build, run_build


def run_verify(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DJBUNDLE, "verify", *arguments], capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def faulty(bundles: Path) -> Path:
    return build(PROJECTS / "faulty", bundles / "faulty" / "faulty")


def test_small_project(small: Path) -> None:
    """Some of its views want a parameter, which the crawler never sends."""
    result = run_verify(small)
    assert result.returncode == 0, result.stderr + result.stdout
    *warnings, last = result.stdout.splitlines()
    assert len(warnings) == 8
    assert all("it needs a parameter" in each for each in warnings)
    assert last.startswith("66 pages and ")
    assert last.endswith(" files crawled, a task run, in an empty root, without a network")


def test_shop(shop: Path) -> None:
    result = run_verify(shop, "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["pages"] > 50
    assert report["files"] > 10
    assert report["tasks"] == 1
    assert (report["problems"], report["warnings"]) == ([], [])


def test_site_without_a_database(streaming: Path) -> None:
    result = run_verify(streaming, "--env", "STREAMING_TOKEN=any", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["pages"], report["tasks"], report["problems"]) == (7, 0, [])


@pytest.fixture(scope="module")
def report(faulty: Path) -> dict[str, Any]:
    result = run_verify(faulty, "--json")
    assert result.returncode == 29
    assert result.stderr.splitlines()[-2:] == [
        "error: GET /inner/template/ fails: django.template.exceptions.TemplateDoesNotExist: absent.html, and 9 more",
        "  fix: make sure that absent.html lies in a folder of TEMPLATES, and is not excluded",
    ]
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("GET /module/", "ModuleNotFoundError: No module named 'packaging_of_nobody'"),
        ("GET /secret/ as a superuser", "RuntimeError: only a superuser sees this"),
        ("GET /static/absent.png", "a page names it, and it is answered 404"),
        ("GET /static/refused.png", "LookupError: no row"),
        ("GET /outside/", "it is answered 500"),
    ],
)
def test_fault_is_found(report: dict[str, Any], what: str, message: str) -> None:
    problem = next(each for each in report["problems"] if each["what"] == what)
    assert problem["said"] == message
    assert ("Traceback" in problem["trace"]) is ("Error" in message)


def test_pages_that_want_what_is_not_there_are_told(report: dict[str, Any]) -> None:
    assert any(each.startswith("GET /network/: it needs the network") for each in report["warnings"])
    assert "GET /parameter/: it needs a parameter ('page')" in report["warnings"]
    assert "GET /secret/ as a superuser" in {
        each["what"] for each in report["problems"]
    }  # /bye/ has logged the user out
    assert "GET /secret/" not in {each["what"] for each in report["problems"]}  # without a login the page redirects


def test_nothing_else_is_there(small: Path, tmp_path: Path) -> None:
    if not may_isolate():
        pytest.skip("this kernel lets nobody make namespaces")

    progress = list[float]()

    def look_around(paths: SandboxPaths, report_progress: ProgressCallback) -> Any:
        report_progress(0.5)
        with pytest.raises(OSError, match="Read-only file system"):
            Path("/new").touch()
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("192.0.2.1", 80), timeout=5)
        (paths.data / "new").write_text("kept")
        processes = [each.name for each in Path("/proc").iterdir() if each.name.isdecimal()]
        return {each.name for each in Path("/").iterdir()}, socket.if_nameindex(), processes

    result = run_in_sandbox(small, tmp_path, look_around, progress.append)
    assert result == ({"data", "dev", "proc", "small"}, [(1, "lo")], ["1"])
    assert progress == [0.5]
    assert list((tmp_path / "root").iterdir()) == []
    assert (tmp_path / "data" / "new").read_text() == "kept"


def test_what_fails_there_is_told(small: Path, tmp_path: Path) -> None:
    def fail(_paths: SandboxPaths, _report_progress: ProgressCallback) -> None:
        raise RuntimeError("no")

    with pytest.raises((SandboxError, RuntimeError), match="no"):
        run_in_sandbox(small, tmp_path, fail, print)


def test_no_file(tmp_path: Path) -> None:
    result = run_verify(tmp_path / "absent")
    assert result.returncode == 20
    assert f"there is no file {tmp_path / 'absent'}" in result.stderr


# --- at the end of a build ---

MORE_URLS = """

def unnamed_module(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(importlib.import_module("cli" + "ck").__name__)


def function_of_postgresql(_request: HttpRequest) -> HttpResponse:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
    return HttpResponse()


urlpatterns += [path("unnamed/", unnamed_module), path("server/", function_of_postgresql)]
"""
MORE_SETTINGS = """
import os
DATABASES["default"] = {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["FAULTY_DATABASE"]}
"""


def test_faults_of_the_project_do_not_stop_a_build(tmp_path: Path) -> None:
    """Each fault occurs outside of the bundle too, with the data of the crawl and as the same user."""
    result = run_build(PROJECTS / "faulty", "-o", tmp_path / "faulty", "--json", verify=True)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)["visit"]
    project_warnings = [
        each.removesuffix(" (outside of a bundle too)") for each in report["warnings"] if "outside of" in each
    ]
    assert "GET /secret/ as a superuser: RuntimeError: only a superuser sees this" in project_warnings
    assert "GET /outside/: it is answered 500" in project_warnings
    assert "GET /static/absent.png: a page names it, and it is answered 404" in project_warnings
    assert "GET /static/refused.png: LookupError: no row" in project_warnings
    assert "GET /once/: AssertionError: nobody has asked before" in project_warnings, "it works after the crawl"
    assert len(project_warnings) == 10
    assert report["pages"] == 18
    assert sorted(each.name for each in tmp_path.iterdir()) == ["faulty"]


def test_fault_of_the_bundle_stops_a_build(tmp_path: Path) -> None:
    """No import names the module. The old bundle stays. SQLite replaces the server; the report says what needs it."""
    project = tmp_path / "project"
    shutil.copytree(PROJECTS / "faulty", project)
    for name, more in (("urls.py", MORE_URLS), ("settings.py", MORE_SETTINGS)):
        with (project / "faulty" / name).open("a") as file:
            file.write(more)
    output = tmp_path / "dist" / "faulty"
    output.parent.mkdir()
    output.write_text("the one before")
    variable = ("--env", "FAULTY_DATABASE=db.example")
    result = run_build(project, "-o", output, *variable, verify=True)
    assert result.returncode == 29
    assert result.stderr.splitlines()[-2:] == [
        "error: GET /unnamed/ fails: ModuleNotFoundError: No module named 'click', and 1 more",
        "  fix: include the package that has click:  --include NAME, or write the bundle all the same with --no-verify",
    ]
    assert "urls.py" in result.stderr  # from the traceback
    assert "pg_backend_pid" not in result.stderr
    assert output.read_text() == "the one before"
    assert list(output.parent.iterdir()) == [output]

    assert run_build(project, "-o", output, *variable).returncode == 0
    result = run_verify(output, *variable)
    assert "warning: GET /server/: it needs postgresql, SQLite stood in for it (django.db." in result.stdout


class Witness(Comparison):
    """Records which files a crawl has left."""

    found: ClassVar[list[set[str]]] = []

    def sort_problems(self, record: CrawlRecord, data: Path) -> None:
        assert not record.problems
        self.found.append({each.name for each in data.iterdir()})


def test_next_crawl_begins_with_the_databases_of_the_last(small: Path, tmp_path: Path) -> None:
    if not may_isolate():
        pytest.skip("this kernel lets nobody make namespaces")
    kept = MigratedData(Cache(tmp_path / "cache"), "0" * 64)
    witness = Witness(None, {}, tmp_path)  # type: ignore[arg-type]  # which it does not ask

    verification.verify(small, {}, witness, kept)
    entry = kept.cache.find(migrated.KIND, kept.key)
    assert entry
    assert entry.stat().st_mode & 0o077 == 0
    (laid_out := tmp_path / "laid_out").mkdir()
    assert kept.restore(laid_out)
    assert "db.sqlite3" in {each.name for each in laid_out.iterdir()}

    (laid_out / "of the first").touch()
    migrated.pack(laid_out)
    kept.store(laid_out)
    record = verification.verify(small, {}, witness, kept)
    assert (record.pages, record.tasks) == (66, 1)
    assert ["of the first" in each for each in witness.found] == [False, True]


COMPARED = """
import os, socket, sys
from pathlib import Path
from djbundle.builder.verify import migrated, verification
from djbundle.builder.core.cache import Cache
from djbundle.builder.verify.comparison import Comparison
from djbundle.builder.verify.migrated import MigratedData
from djbundle.builder.core.sandbox import confine_to
work = Path(sys.argv[1])
assert confine_to(work)
def outcome(path):
    try:
        Path(path).write_text("changed")
    except OSError as error:
        return os.strerror(error.errno)
    return Path(path).read_text()
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    network = os.strerror(error.errno)
print([outcome(work / "new"), outcome("own"), outcome(work.parent / "other"), network])
"""


def test_second_opinion_changes_nothing(tmp_path: Path) -> None:
    if not may_isolate():
        pytest.skip("this kernel lets nobody make namespaces")
    work, project = tmp_path / "work", tmp_path / "project"
    work.mkdir()
    project.mkdir()
    (project / "own").write_text("as it was")
    command: list[str | Path] = [sys.executable, "-c", COMPARED, work]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.stdout == "['changed', 'changed', 'Read-only file system', 'Network is unreachable']\n", result.stderr
    assert (work / "new").read_text() == "changed"
    assert (project / "own").read_text() == "as it was"
