"""A restored copy sends no mail and runs no task until `resume`; a live site that restores its own backup goes on."""

import json
from pathlib import Path

import pytest

from tests.bundle.records import site_with_note
from tests.bundle.test_backup import COUNT, back_up, refusal, run_night, steps
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

MAIL = (
    "from django.core.mail import send_mail; send_mail('Your order', 'It is paid.', 'shop@b.example', ['a@b.example'])"
)


@pytest.fixture
def site(new_small: NewSite) -> Site:
    """Return a site with a note."""
    return site_with_note(new_small, "first")


def copy_of(site: Site, folder: Path, *words: str) -> Site:
    """Return a site with another data directory, restored from a new backup."""
    backup = back_up(site, str(folder / "elsewhere"))
    copy = Site(site.bundle, folder / "copy", bare_environment())
    copy.run("restore", str(backup), *words)
    return copy


def warnings(site: Site) -> list[str]:
    """Return the warnings of a site that is ready."""

    def findings() -> dict[str, list[str]] | None:
        up = json.loads(Customer(site.url).get("/up").text)
        return up if up["ready"] else None

    return wait_until(findings, "it is ready").get("warnings", [])


def test_a_copy_is_held_until_resume(site: Site, tmp_path: Path) -> None:
    copy = copy_of(site, tmp_path)
    code, text = refusal(copy, "worker")
    assert (code, "a held copy" in text, "resume" in text) == (73, True, True)
    mail = copy.run("shell", "-v0", "-c", MAIL).stderr
    assert "held, not sent: Your order" in mail
    assert "It is paid." in mail
    with copy:
        assert warnings(copy) == ["this is a held copy: it sends no mail and runs no task"]
        assert Customer(copy.url).get("/write/?text=later").status == 200
        status = copy.status()
        assert status["hold"]["backup"].startswith("small-")
        assert not [each for each in status["processes"] if "worker" in each["title"]]
        assert "THIS IS a held copy" in copy.run("status").stdout
        assert copy.shell(COUNT) == "1"
        assert steps(copy, "resume")[-1]["state"] == "live"
        wait_until(lambda: copy.shell(COUNT) == "2", "the task runs")
        assert warnings(copy) == []
        assert copy.status()["hold"] is None
    assert "this is a held copy" in copy.log.read_text()
    assert copy.run("resume").stdout.endswith("is not held\n")


@pytest.mark.slow
def test_after_resume_older_backups_are_its_own(site: Site, tmp_path: Path) -> None:
    copy = copy_of(site, tmp_path)
    copy.run("resume")
    (backup,) = (tmp_path / "elsewhere").glob("*.zst")
    assert steps(copy, "restore", str(backup))[-1]["state"] == "restored"
    assert steps(copy, "restore", str(back_up(copy)))[-1]["state"] == "restored"


@pytest.mark.slow
def test_a_site_goes_on_with_its_own_backup(site: Site) -> None:
    backup = back_up(site)
    with site:
        assert steps(site, "restore", str(backup))[-1]["state"] == "restored"
        assert warnings(site) == []
        assert steps(site, "restore", str(backup), "--hold")[-1]["state"] == "held"
        assert len(warnings(site)) == 1
        assert steps(site, "restore", str(backup))[-1]["state"] == "held", "it is held already"
        assert steps(site, "restore", str(backup), "--no-hold")[-1]["state"] == "restored"
        assert warnings(site) == []


@pytest.mark.slow
def test_a_copy_that_is_to_be_live_at_once(site: Site, tmp_path: Path) -> None:
    copy = copy_of(site, tmp_path, "--no-hold")
    with copy:
        assert warnings(copy) == []
        Customer(copy.url).get("/write/?text=later")
        wait_until(lambda: copy.shell(COUNT) == "2", "the task runs")


def test_a_held_copy_does_not_push_its_backups_over_those_of_the_live_site(site: Site, tmp_path: Path) -> None:
    copy = copy_of(site, tmp_path)
    result = run_night(copy, "s3://spare?endpoint=http://127.0.0.1:1")
    assert "code 0" in result.stdout
    assert "the backup is not copied: this is a held copy" in result.stderr


def test_a_restore_that_fails_holds_nothing(site: Site, tmp_path: Path) -> None:
    damaged = tmp_path / "small-20260101T030000Z.tar.zst"
    damaged.write_bytes(back_up(site).read_bytes()[:-20])
    assert refusal(site, "restore", str(damaged), "--hold")[0] == 72
    assert not (site.data / "held.json").exists()
