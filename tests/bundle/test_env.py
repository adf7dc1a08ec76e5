"""The variables of the site are kept in its data directory, taken up without a lost request, and shown to nobody."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.bundle.processes import assert_failed, assert_refused, with_role
from tests.support.load import Load
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until

SECRET = "hush-hush-hush"
HOSTS = "DJBUNDLE_ALLOWED_HOSTS=shop.example,127.0.0.1,localhost"
TOKEN = "from django.conf import settings; print(settings.TOKEN)"


@pytest.fixture
def site(streaming: Path, tmp_path: Path) -> Site:
    """Return a site whose settings need STREAMING_TOKEN, which is not set."""
    return Site(streaming, tmp_path / "data", bare_environment())


def set_from_pipe(site: Site, name: str, value: str) -> None:
    command = [str(site.bundle), "env", "set", name, "--data-dir", str(site.data)]
    subprocess.run(command, env=site.environment, input=value, text=True, check=True, capture_output=True)


def test_variable_is_stored_and_read_by_every_start(site: Site) -> None:
    refused = site.run("check", check=False)
    assert_refused(refused, 13, "STREAMING_TOKEN")
    assert refused.stderr.splitlines()[1] == f"  fix: {site.bundle} env set STREAMING_TOKEN"
    set_from_pipe(site, "STREAMING_TOKEN", f"{SECRET}\n")
    file = site.data / "variables.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert site.shell(TOKEN) == SECRET
    code = "import django; django.setup(); " + TOKEN
    environment = {"DJANGO_SETTINGS_MODULE": "streaming.settings", "DJBUNDLE_DATA_DIR": str(site.data)}
    plain = subprocess.run([site.bundle, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert plain.stdout == f"{SECRET}\n"
    with site:
        assert site.run("healthcheck").returncode == 0
    site.environment["STREAMING_TOKEN"] = "of the process"
    assert site.shell(TOKEN) == "of the process"
    del site.environment["STREAMING_TOKEN"]
    site.run("env", "unset", "STREAMING_TOKEN")
    assert_refused(site.run("check", check=False), 13, "STREAMING_TOKEN")


def test_values_are_not_shown(site: Site) -> None:
    site.run("env", "set", f"STREAMING_TOKEN={SECRET}", "OTHER=plain-but-stored")
    rows = {each["name"]: each for each in json.loads(site.run("env", "list", "--json").stdout)}
    assert rows["STREAMING_TOKEN"]["source"] == "variables.json"
    assert rows["STREAMING_TOKEN"]["place"].startswith("streaming/settings.py:")
    assert rows["STREAMING_PASSWORD"]["source"] == ""
    listed = site.run("env", "list").stdout
    assert "OTHER" in listed
    assert SECRET not in listed + json.dumps(rows)
    assert "plain-but-stored" not in listed
    config = site.run("config").stdout
    assert "from variables.json" in config
    assert SECRET not in config
    assert site.run("env", "list", "--show", "STREAMING_TOKEN").stdout == f"{SECRET}\n"


def test_names_and_values_that_cannot_be_stored(site: Site) -> None:
    for name in ("1ST", "A-B", "LD_PRELOAD", "PATH", "DJBUNDLE_DATA_DIR"):
        assert_refused(site.run("env", "set", f"{name}=x", check=False), 2, name)
    assert_refused(site.run("env", "unset", "NEVER_SET", check=False), 2, "is not stored")
    result = subprocess.run(
        [site.bundle, "env", "set", "EMPTY", "--data-dir", site.data], env=site.environment, input="", text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert_refused(result, 2, "got no value")
    (site.data / "variables.json").write_text("{")
    assert_refused(site.run("check", check=False), 42, "cannot read the variables")


@pytest.fixture
def small_site(small: Path, tmp_path: Path) -> Iterator[Site]:
    with Site(copy_bundle(small, tmp_path / "place"), tmp_path / "data", bare_environment()) as site:
        yield site


def status_for(site: Site, host: str) -> int:
    """Return the status of the front page under another name of the site."""
    request = urllib.request.Request(site.url, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def has_status(site: Site, host: str, status: int) -> bool:
    return status_for(site, host) == status


def test_restart_under_load_takes_up_what_has_changed(small_site: Site) -> None:
    """A variable comes and goes; no request fails."""
    site, pid = small_site, small_site.process.pid
    assert status_for(site, "shop.example") == 421
    with Load(site) as load:
        for words, status in ((["set", HOSTS], 200), (["unset", "DJBUNDLE_ALLOWED_HOSTS"], 421)):
            before = site.status()["app"]
            assert " restart" in site.run("env", *words).stdout
            steps = site.run("restart", "--json").stdout.splitlines()
            assert [json.loads(line)["state"] for line in steps] == ["ready", "serving"]
            count = load.response_count()
            wait_until(partial(load.has_more_than, count + 20), "clients are answered")
            wait_until(partial(has_status, site, "shop.example", status), "the new process serves")
            assert site.status()["app"] != before
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert (site.process.pid, site.process.poll()) == (pid, None)


def test_variable_of_an_upgrade_is_stored_only_if_it_succeeds(small_site: Site, next_small: Path) -> None:
    """The version that takes over has it from its start, and each later process too."""
    site = small_site
    failed = site.run("upgrade", str(next_small), "--env", "NEXT=fails", check=False)
    assert_failed(failed, 55, "the new front page is broken")
    assert "NEXT" not in site.run("env", "list").stdout
    site.run("upgrade", str(next_small), "--env", HOSTS)
    wait_until(lambda: status_for(site, "shop.example") == 200, "the new version has the variable")
    assert site.run("env", "list", "--show", "DJBUNDLE_ALLOWED_HOSTS").stdout == "shop.example,127.0.0.1,localhost\n"
    assert not (site.data / "variables.next.json").exists()
    site.run("restart")
    assert status_for(site, "shop.example") == 200


def test_restart_with_other_options(small_site: Site, next_small: Path) -> None:
    """An upgrade keeps them. Wrong ones change nothing."""
    site = small_site
    with Load(site) as load:
        wait_until(partial(load.has_more_than, 20), "clients are answered")
        site.run("restart", "--", "--workers", "2")
        with_role(site, "web", 2)
        site.run("upgrade", str(next_small))
        with_role(site, "web", 2)
    assert load.failures == []
    for options, cause in ((["--wrokers", "2"], "--wrokers"), (["--bind", ":1"], "stay open")):
        assert_refused(site.run("restart", "--", *options, check=False), 2, cause)
    with_role(site, "web", 2)


def test_restart_without_a_site(site: Site) -> None:
    site.data.mkdir()
    assert_refused(site.run("restart", check=False), 54, "no `serve` answers")
