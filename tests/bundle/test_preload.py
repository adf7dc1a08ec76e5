"""A site that starts threads while it is loaded: they live in each process that answers, as under gunicorn."""

import shutil
import signal
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from tests.bundle.processes import all_gone, assert_refused, with_role
from tests.conftest import PROJECTS, build
from tests.support.load import Load, curl
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until

OPTIONS = ("--workers", "2")


@pytest.fixture(scope="module")
def threaded(bundles: Path) -> Path:
    return build(PROJECTS / "threaded", bundles / "threaded" / "threaded")


def site_of(bundle: Path, folder: Path, *options: str, **variables: str) -> Site:
    return Site(bundle, folder / "data", bare_environment(HOME=str(folder), **variables), *OPTIONS, *options)


def get(site: Site, path: str = "") -> str:
    with urllib.request.urlopen(f"{site.url}/{path}", timeout=30) as response:
        return str(response.read().decode())


def run_task(site: Site, path: str = "enqueue/") -> str:
    key = get(site, path)
    return wait_until(lambda: get(site, f"result/{key}/"), "the task has run")


@pytest.mark.parametrize(
    ("variables", "options", "loaded"),
    [
        ({}, (), "once"),
        ({}, ("--preload", "never"), "each"),
        ({"DJBUNDLE_PRELOAD": "never"}, (), "each"),
        ({"THREADS": "plain"}, (), "each-for-threads"),
        ({"THREADS": "plain"}, ("--preload", "never"), "each"),
        ({"THREADS": "restarted"}, (), "once"),
        ({"THREADS": "plain"}, ("--preload", "always"), "once"),
        ({"THREADS": "program"}, (), "each-for-threads"),
    ],
)
def test_the_site_is_loaded_where_its_threads_need_it(
    threaded: Path, tmp_path: Path, variables: dict[str, str], options: tuple[str, ...], loaded: str
) -> None:
    with site_of(threaded, tmp_path, *options, **variables) as site:
        assert site.status()["loaded"] == loaded
        assert run_task(site) == "42"
        if "always" not in options and "THREADS" in variables:
            assert {get(site) for _ in range(10)} == {"42"}
            assert run_task(site, "enqueue/double/") == "42"
        log = site.log.read_text()
        if variables.get("THREADS") == "program":
            assert {get(site, "program/") for _ in range(10)} == {"42 None"}
        started = "a child process: cat" if variables.get("THREADS") == "program" else "a thread: consumer"
        assert (f"the site started {started}" in log) == (loaded == "each-for-threads" or "always" in options)
    assert site.process.returncode == 0


@pytest.mark.parametrize("preload", ["auto", "never"])
def test_a_web_process_ends_as_python_does(threaded: Path, tmp_path: Path, preload: str) -> None:
    """An executor ends its work, and functions that are registered with atexit are called, as under gunicorn."""
    with site_of(threaded, tmp_path, "--preload", preload, THREADS="late") as site:
        temporary = Path(get(site, "late/"))
        assert temporary.is_dir()
        pids = {each.pid for each in with_role(site, "web", 2)}
        with_role(site, "web", 2)[0].kill()
        wait_until(lambda: {each.pid for each in with_role(site, "web", 2)} != pids, "another process has come")
        assert temporary.is_dir() or preload == "never"
        get(site, "late/")
    assert [*tmp_path.glob("executed-*")]
    assert len([*tmp_path.glob("registered-*")]) >= 2
    assert site.process.returncode == 0


def test_the_log_names_the_line_that_started_the_thread(threaded: Path, tmp_path: Path) -> None:
    with site_of(threaded, tmp_path, THREADS="plain") as site:
        assert "consumer (/djb/threaded/background.py:23)" in site.log.read_text()
        assert "each process loads the site, since the site starts threads" in site.run("status").stdout


def test_processes_that_are_started_again_have_the_threads(threaded: Path, tmp_path: Path) -> None:
    """Kill a web process, then the app process, then hand over under load: no request fails, and the threads live."""
    with site_of(copy_bundle(threaded, tmp_path / "place"), tmp_path, THREADS="plain") as site:
        for role, count in (("web", 2), ("app", 1)):
            killed = with_role(site, role, count)[0]
            killed.kill()
            wait_until(partial(all_gone, [killed]), "it has ended")
            with_role(site, "web", 2)
            wait_until(lambda: site.status()["app"], "the app process runs")
            assert {get(site) for _ in range(10)} == {"42"}
        with Load(site, [curl(path="/")]) as load:
            app = with_role(site, "app")[0]
            site.process.send_signal(signal.SIGHUP)
            wait_until(partial(all_gone, [app]), "the app process before has left")
            wait_until(partial(load.has_more_than, load.response_count() + 20), "clients are answered")
        assert load.failures == []
        assert set(load.statuses) == {200}
        assert site.status()["loaded"] == "each-for-threads"


def test_an_upgrade_to_a_version_with_threads(threaded: Path, tmp_path: Path) -> None:
    with site_of(copy_bundle(threaded, tmp_path / "place"), tmp_path, THREADS="plain") as site:
        new = Path(shutil.copy(threaded, tmp_path / "new"))
        result = site.run("upgrade", str(new), "--json")
        assert '"serving"' in result.stdout
        assert {get(site) for _ in range(10)} == {"42"}


@pytest.mark.parametrize("preload", ["never", "auto"])
def test_a_failure_while_the_site_is_loaded_is_told_as_before(threaded: Path, tmp_path: Path, preload: str) -> None:
    site = site_of(threaded, tmp_path)
    site.environment["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/nothing"
    result = site.run("serve", "--bind", "127.0.0.1:0", "--preload", preload, check=False)
    assert_refused(result, result.returncode, "127.0.0.1")
    assert result.returncode > 1


def test_a_wrong_variable_is_refused(threaded: Path, tmp_path: Path) -> None:
    site = site_of(threaded, tmp_path, DJBUNDLE_PRELOAD="perhaps")
    assert_refused(site.run("serve", check=False), 2, 'DJBUNDLE_PRELOAD is "perhaps"')
