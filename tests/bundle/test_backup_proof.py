"""Each night the newest backup is restored beside the site, migrated, checked, started and asked for a page."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pyrage
import pytest

from tests.bundle.records import site_with_note
from tests.bundle.test_backup import back_up, content, database, refusal, run_night, steps
from tests.bundle.test_backup_keys import Pair
from tests.bundle.test_held_copies import warnings
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.ports import free_port
from tests.support.site import Site
from tests.support.waiting import wait_until


@pytest.fixture
def site(new_small: NewSite) -> Site:
    """Return a site with a note."""
    return site_with_note(new_small, "first")


def outcomes(site: Site) -> dict[str, dict[str, object]]:
    return dict(json.loads((site.data / "backups" / "outcomes.json").read_text()))


def break_front_page(site: Site) -> None:
    with closing(sqlite3.connect(database(site))) as connection, connection:
        connection.execute("DROP TABLE notes_note")


def test_a_backup_that_works_is_proved(site: Site) -> None:
    """Nothing of the site changes, and nothing is left behind."""
    backup = back_up(site)
    before = content(site.data)
    *_, last = steps(site, "backup", "--prove", "latest")
    assert (last["state"], last["file"], last["status"]) == ("proved", str(backup), 200)
    after = content(site.data)
    assert after.keys() - before.keys() == {"backups/outcomes.json"}
    assert {name: after[name] for name in before} == before
    assert outcomes(site)["proof"]["backup"] == backup.name
    with site:
        assert "; one was proved" in site.run("status").stdout


def test_a_backup_whose_front_page_fails_is_told_everywhere(site: Site) -> None:
    break_front_page(site)
    result = run_night(site, is_proved=True)
    assert "code 72" in result.stdout
    assert "the proof of the last backup failed: / of the restored copy is answered by 500" in result.stderr
    assert "Subject: [Django] small: the proof of the last backup failed" in result.stdout
    assert not outcomes(site)["backup"]["failed_at"], "the backup itself was written"
    site.options = ("--metrics-bind", f"127.0.0.1:{(port := free_port())}")
    with site:
        assert warnings(site) == ["the proof of the last backup failed"]
        assert " ago: / of the restored copy is answered by 500" in site.run("status").stdout
        metrics = Customer(f"http://127.0.0.1:{port}").get("/metrics").text
        assert 'djbundle_backup_failing{step="proof"} 1' in metrics
        assert "djbundle_backup_proof_timestamp_seconds" not in metrics


def test_a_damaged_backup_is_not_proved(site: Site) -> None:
    backup = back_up(site)
    backup.write_bytes(backup.read_bytes()[:-20])
    code, text = refusal(site, "backup", "--prove", str(backup))
    assert (code, "is damaged" in text) == (72, True)
    assert [*site.data.glob(".proof-*")] == []


@pytest.mark.slow
def test_an_encrypted_backup_is_proved_without_its_key(site: Site, tmp_path: Path) -> None:
    """The proof takes what is encrypted next, so no private key has to be on the server."""
    pair = Pair(tmp_path / "keys.txt")
    result = run_night(site, recipients=(pair.recipient,), is_proved=True)
    assert "code 0" in result.stdout
    assert "the backup is proved" in result.stderr
    assert outcomes(site)["proof"]["worked_at"]
    assert refusal(site, "backup", "--prove", "latest")[0] == 72
    assert steps(site, "backup", "--prove", "latest", "--identity", str(pair.file))[-1]["state"] == "proved"


@pytest.mark.slow
def test_a_proof_is_made_once_a_day(site: Site) -> None:
    assert "the backup is proved" in run_night(site, is_proved=True).stderr
    assert "the backup is proved" not in run_night(site, is_proved=True).stderr


@pytest.mark.slow
def test_serve_writes_and_proves_a_backup_at_the_full_hour(new_small: NewSite) -> None:
    """The clock of its schedule is set to just before the hour. The site answers meanwhile, and ends in order."""
    pair = pyrage.x25519.Identity.generate()
    ahead = 3600 - time.time() % 3600 - 2
    options = ("--backups", "hourly", "--backup-recipient", str(pair.to_public()))
    site = new_small(*options, SMALL_CLOCK_AHEAD=str(ahead))
    with site:
        wait_until(lambda: "the backup is proved" in site.log.read_text(), "it is proved", 300)
        assert Customer(site.url).get("/").status == 200
        assert "one was proved" in site.run("status").stdout
    (backup,) = (site.data / "backups").glob("small-*.age")
    assert f"backup {backup} written" in site.log.read_text()
    assert outcomes(site)["proof"]["backup"] == backup.name
    assert [*site.data.glob(".proof-*")] == []
    assert "level=error" not in site.log.read_text()
