"""The log of a site has one format for every source, and no secret."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bundle.processes import with_role
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until

SECRET = "s3cret-of-the-payment-gateway"


def lines_of(site: Site) -> list[dict[str, Any]]:
    return [json.loads(line) for line in site.log.read_text().splitlines()]


def test_json(new_small: NewSite) -> None:
    site = new_small("--log-format", "json", "--access-log", "--workers", "1")
    with site:
        assert Customer(site.url).get("/absent/?password=open-sesame").status == 404
        with_role(site, "web")[0].kill()
        wait_until(lambda: any("it is started again" in line["msg"] for line in lines_of(site)), "the log says so")
    lines = lines_of(site)  # each line is JSON
    assert {"serve", "access", "django.request"} <= {line["source"] for line in lines}
    access = next(line for line in lines if line["source"] == "access")
    assert (access["msg"], access["status"], access["client"]) == ("GET /absent/", 404, "127.0.0.1")
    assert 0 < access["ms"] < 60_000
    warning = next(line for line in lines if line["source"] == "django.request")
    assert (warning["level"], warning["id"]) == ("warning", access["id"])
    crash = next(line for line in lines if "it is started again" in line["msg"])
    assert (crash["level"], crash["source"]) == ("error", "serve")
    assert "open-sesame" not in site.log.read_text()


@pytest.mark.parametrize("form", ["json", "logfmt", "text", "journal"])
def test_traceback_without_a_secret(new_small: NewSite, form: str) -> None:
    """The page fails with a value that appears in its traceback."""
    with new_small("--log-format", form, API_TOKEN=SECRET) as site:
        assert Customer(site.url).get(f"/slow/?begun=/nowhere/{SECRET}/x&seconds=0").status == 500
        wait_until(lambda: "FileNotFoundError" in site.log.read_text(), "the traceback is told")
        log = site.log.read_text()
    assert SECRET not in log
    assert "/nowhere/********/x" in log


def test_nobody_forges_a_line(new_small: NewSite) -> None:
    site = new_small("--log-format", "text", "--access-log")
    with site:
        Customer(site.url).get("/x%0Atime=now%20level=error%20msg=forged%1b[2J")
        wait_until(lambda: "forged" in site.log.read_text(), "the request is told")
    assert not [line for line in site.log.read_text().splitlines() if line.startswith("time=now")]
    assert "\x1b" not in site.log.read_text()


def test_level(new_small: NewSite) -> None:
    site = new_small("--log-level", "error", "--access-log")
    site.start()
    try:
        wait_until(lambda: site.run("healthcheck", check=False).returncode == 0, "it serves")
        assert site.log.read_text() == ""
    finally:
        site.stop()


@pytest.fixture
def serving(small: Path) -> str:
    """Return the beginning of the line that reports that the site serves."""
    result = subprocess.run([small, "version", "--json"], capture_output=True, check=True, env=bare_environment())
    return f"serve: small {json.loads(result.stdout)['version']} serves http"


def test_journald_gets_priorities(small: Path, tmp_path: Path, serving: str) -> None:
    log = tmp_path / "journal"
    with log.open("wb") as stream:
        log_stat = os.fstat(stream.fileno())
        environment = bare_environment(JOURNAL_STREAM=f"{log_stat.st_dev}:{log_stat.st_ino}")
        command: list[str | Path] = [
            copy_bundle(small, tmp_path / "place"),
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--data-dir",
            tmp_path / "d",
        ]
        process = subprocess.Popen(command, env=environment, stderr=stream)
    try:
        wait_until(lambda: f"<6>{serving}" in log.read_text(), "it tells its priority")
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("no_colour", [False, True])
def test_terminal(small: Path, tmp_path: Path, serving: str, no_colour: bool) -> None:
    """The log shows a time, and colours if they are wanted."""
    ours, theirs = pty.openpty()
    environment = bare_environment(**{"NO_COLOR": "1"} if no_colour else {})
    command: list[str | Path] = [copy_bundle(small, tmp_path / "place"), "serve", "--bind", "127.0.0.1:0"]
    command += ["--data-dir", tmp_path]
    process = subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = ""
    try:
        while "Ctrl-C stops" not in shown:
            shown += os.read(ours, 4096).decode()
    finally:
        process.terminate()
        process.wait(60)
        os.close(ours)
    assert ("\033[" in shown) is not no_colour
    assert f"{serving}://127.0.0.1:" in shown
    assert "level=" not in shown
