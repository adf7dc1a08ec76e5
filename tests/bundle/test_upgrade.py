"""One version takes over from another under load; if it cannot, the old one goes on, and no client notices."""

import json
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.bundle.conftest import new_key, openssl
from tests.bundle.processes import all_gone, assert_refused, tree_of, with_role
from tests.bundle.records import notes_in, tasks_in
from tests.support.load import PLAIN, SECURE, SLOW, Load, curl
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until


@pytest.fixture
def signed_small(small: Path, key: Path, tmp_path: Path) -> Path:
    """Return a signed copy of the small project's bundle."""
    copy = Path(shutil.copy(small, tmp_path / "signed"))
    sign(copy, key)
    return copy


@pytest.fixture
def site(small: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Start a site from its own copy of the bundle, with the variables that the test asks for."""
    environment = bare_environment(**getattr(request, "param", {}))
    with Site(copy_bundle(small, tmp_path / "place"), tmp_path / "data", environment) as site:
        yield site


def sign(file: Path, key: Path) -> Path:
    """Sign as docs/serve.md describes."""
    signature = file.with_name(f"{file.name}.sig")
    openssl("dgst", "-sha256", "-sign", key, "-out", signature, file)
    return signature


def upgrade(site: Site, new: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return site.run("upgrade", str(new), *options, check=False)


def front_page(site: Site) -> str:
    return site.run("shell", "-v0", "-c", "import django.test; print(django.test.Client().get('/').content)").stdout


def version_of(site: Site) -> str:
    return str(json.loads(site.run("version", "--json").stdout)["version"])


def test_upgrade_under_load(site: Site, signed_small: Path, next_small: Path) -> None:
    """Upgrade with a migration, roll back, and upgrade without one: nothing fails, and no answered request is lost."""
    pid, began = site.process.pid, version_of(site)
    (site.data / "media").mkdir()
    (site.data / "media" / "large.bin").write_bytes(bytes(10 << 20))
    with Load(site, [*PLAIN, *SLOW, curl("--limit-rate", "3M", path="/media/large.bin")]) as load:
        for new, version in ((next_small, "2"), (signed_small, began), (next_small, "2")):
            before, old = load.response_count(), with_role(site, "app")[0]
            result = upgrade(site, new, "--allow-downgrade")
            assert result.returncode == 0, result.stderr + site.log.read_text()
            wait_until(partial(load.has_more_than, before + 20), "clients are answered")
            wait_until(partial(all_gone, [old]), "the old one has left")
            assert version_of(site) == version
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert set(load.written) <= tasks_in(site)
    assert "migrated" in notes_in(site)
    assert (site.process.pid, site.process.poll()) == (pid, None)
    assert [each.name for each in site.bundle.parent.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("site", "code", "cause"),
    [
        ({"NEXT": "fails"}, 55, "/ fails: ValueError('the new front page is broken')"),
        (
            {"NEXT": "broken migration"},
            55,
            "the migration notes.0003_next failed (ValueError: ",
        ),
    ],
    indirect=["site"],
)
def test_failing_upgrade_under_load(site: Site, next_small: Path, code: int, cause: str) -> None:
    """The old version and its database come back."""
    before = site.bundle.read_bytes()
    with Load(site) as load:
        wait_until(lambda: load.response_count() > 20, "clients are answered")
        result = upgrade(site, next_small)
        assert result.returncode == code, result.stderr
        assert cause in result.stderr
        count = load.response_count()
        wait_until(lambda: load.response_count() > count + 20, "clients are answered")
    assert load.failures == []
    assert set(load.written) <= tasks_in(site)
    assert "migrated" not in notes_in(site)
    assert site.bundle.read_bytes() == before
    assert with_role(site, "app")


@pytest.mark.parametrize("site", [{"NEXT": "no settings"}], indirect=True)
def test_version_that_does_not_load(site: Site, next_small: Path) -> None:
    result = upgrade(site, next_small)
    assert result.returncode == 55
    assert "a setting is missing" in site.log.read_text()
    assert len(result.stderr.splitlines()) == 2


def test_files_that_are_refused(site: Site, shop: Path, small: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copy(small, tmp_path / "damaged"))
    with damaged.open("r+b") as file:
        file.seek(damaged.stat().st_size // 2)
        file.write(b"damage")
    text = tmp_path / "text"
    text.write_text("hello")
    assert_refused(upgrade(site, tmp_path / "none"), 55, "there is no file")
    assert_refused(upgrade(site, damaged), 55, "is damaged")
    assert_refused(upgrade(site, text), 55, "may not be executed")
    text.chmod(0o755)
    assert_refused(upgrade(site, text), 55, "does not run")
    assert_refused(upgrade(site, shop), 55, 'is "shop", and "small" serves')
    assert_refused(site.run("rollback", check=False), 55, "there is no")
    assert len(with_role(site, "app")) == 1


def test_check_says_what_would_happen(site: Site, next_small: Path) -> None:
    before = with_role(site, "app")[0].pid
    result = upgrade(site, next_small, "--check")
    assert result.returncode == 0
    assert "2, in place of" in result.stdout
    assert "1 migration: connections would wait" in result.stdout
    assert with_role(site, "app")[0].pid == before


def test_rollback_brings_the_file_before_back(site: Site, next_small: Path) -> None:
    old = version_of(site)
    steps = upgrade(site, next_small, "--json")
    assert [json.loads(line)["state"] for line in steps.stdout.splitlines()] == [
        "checked",
        "pending",
        "ready",
        "serving",
    ]
    assert version_of(site) == "2"
    wait_until(lambda: "small app" in {each.name() for each in tree_of(site)}, "it serves")
    assert site.run("rollback").returncode == 0
    assert version_of(site) == old


def test_handovers_that_follow_at_once_leave_nobody(site: Site, next_small: Path) -> None:
    """The second begins while the process before the first is still draining; the next program sees it end."""
    assert upgrade(site, next_small).returncode == 0
    for _ in range(2):
        assert site.run("rollback").returncode == 0
    assert version_of(site) == "2"
    wait_until(lambda: [each.name() for each in tree_of(site)].count("small app") == 1, "the others have ended", 20)


def test_only_what_is_signed_takes_over(next_small: Path, signed_small: Path, tmp_path: Path) -> None:
    """The running version has a signer. An unsigned program is not even run."""
    ran = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    strangers = sign(Path(shutil.copy(script, tmp_path / "other")), new_key(tmp_path / "stranger.pem"))
    signature = signed_small.with_name("signed.sig")
    with Site(copy_bundle(next_small, tmp_path / "place"), tmp_path / "data", bare_environment()) as site:
        assert_refused(upgrade(site, script), 55, "only what is signed may take over")
        assert_refused(upgrade(site, script, "--signature", str(strangers)), 55, "does not sign")
        assert_refused(upgrade(site, script, "--signature", str(signature)), 55, "does not sign")
        damaged = signature.rename(signature.with_name("moved"))
        damaged.write_bytes(damaged.read_bytes()[:-1])
        assert_refused(upgrade(site, signed_small, "--signature", str(damaged)), 55, "does not sign")
        assert not ran.exists()
        assert version_of(site) == "2"
        assert [each.name for each in site.bundle.parent.iterdir()] == ["small"]


def test_rollback_of_a_signer(site: Site, next_small: Path, signed_small: Path) -> None:
    """A version that has served before needs no signature; an upgrade to an older version must be explicit."""
    assert upgrade(site, next_small).returncode == 0
    assert_refused(upgrade(site, signed_small), 55, "older than 2 of ")
    assert version_of(site) == "2"
    assert site.run("rollback").returncode == 0


def test_upgrade_of_https_under_load(small: Path, next_small: Path, tmp_path: Path) -> None:
    """The load uses HTTP/2 too."""
    copy = copy_bundle(small, tmp_path / "place")
    with Site(copy, tmp_path / "data", bare_environment(), "--tls", "internal") as site, Load(site, SECURE) as load:
        assert upgrade(site, next_small).returncode == 0
        assert site.run("rollback").returncode == 0
        count = load.response_count()
        wait_until(lambda: load.response_count() > count + 100, "clients are answered")
    assert load.failures == []
    assert set(load.statuses) == {200}


def test_hangup_reloads(site: Site) -> None:
    before = with_role(site, "app")[0]
    with Load(site) as load:
        site.process.send_signal(signal.SIGHUP)
        wait_until(lambda: all_gone([before]), "the process before has left")
        assert len(with_role(site, "app")) == 1
    assert load.failures == []
    assert site.process.poll() is None


def test_file_that_was_replaced_by_hand_is_taken_up_by_hangup(site: Site, next_small: Path, signed_small: Path) -> None:
    """As when it is built again at the same place: ``upgrade`` is refused, and its fix works."""
    new = Path(shutil.copy(next_small, site.bundle.with_name("new")))
    new.replace(site.bundle)
    refused = upgrade(site, next_small)
    assert_refused(refused, 55, "was replaced")
    command = refused.stderr.splitlines()[1].partition("the new file:  ")[2].split()
    assert command == ["kill", "-HUP", str(site.process.pid)]
    before = with_role(site, "app")[0]
    subprocess.run(command, check=True)
    wait_until(lambda: all_gone([before]), "the file from before has drained")
    assert front_page_of(site) == "the new version"
    assert upgrade(site, signed_small, "--check", "--allow-downgrade").returncode == 0


def front_page_of(site: Site) -> str:
    with urllib.request.urlopen(site.url, timeout=20) as response:
        return str(response.read().decode())


def test_nobody_serves(small: Path, tmp_path: Path) -> None:
    site = Site(small, tmp_path / "data", bare_environment())
    assert_refused(upgrade(site, small), 54, "there is no folder")
    site.data.mkdir()
    assert_refused(upgrade(site, small), 54, "no `serve` answers")


def test_candidate_that_is_killed(site: Site, next_small: Path) -> None:
    """It may be killed at any moment: here before it has loaded."""
    first = with_role(site, "app")[0]
    command: list[str | Path] = [site.bundle, "upgrade", next_small, "--data-dir", site.data]
    upgrading = subprocess.Popen(command, env=site.environment, stderr=subprocess.PIPE, text=True)
    children = psutil.Process(site.process.pid).children
    wait_until(lambda: [each for each in children() if each != first], "a second child")[0].kill()
    _, errors = upgrading.communicate(timeout=60)
    assert upgrading.returncode == 55
    assert "ended with code -9" in errors
    assert with_role(site, "app") == [first]


def test_control_socket_is_the_owners(site: Site) -> None:
    assert (site.data / "control.sock").stat().st_mode & 0o077 == 0
