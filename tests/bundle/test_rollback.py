"""A rollback knows the schema: it says what the previous version does not know, and puts the database back if asked."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bundle.processes import assert_failed
from tests.bundle.records import ADD, notes_in
from tests.support.load import Load
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until

MIGRATION = "notes.0003_next"


@pytest.fixture
def site(small: Path, next_small: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Return a site that was upgraded with a migration, and has a note from before and one from after."""
    environment = bare_environment(**getattr(request, "param", {}))
    with Site(copy_bundle(small, tmp_path / "place"), tmp_path / "data", environment) as site:
        site.shell(ADD.format(text="before"))
        site.run("upgrade", str(next_small))
        site.shell(ADD.format(text="since"))
        yield site


def version_of(site: Site) -> str:
    return str(json.loads(site.run("version", "--json").stdout)["version"])


def backups(site: Site) -> list[Path]:
    return [*(site.data / "backups").glob("db-*.sqlite3")]


def test_check_foretells(site: Site) -> None:
    """Nothing changes, and the exit code says that the previous version does not know a migration."""
    result = site.run("rollback", "--check", check=False)
    assert result.returncode == 74, result.stderr
    assert f"1 migration that it does not know, which stay applied: {MIGRATION}" in result.stdout
    (backup,) = backups(site)
    assert f"`rollback --to-backup` would put the database back, to {backup}" in result.stdout
    assert version_of(site) == "2"
    assert notes_in(site) == {"before", "migrated", "since"}


def test_database_of_before_the_upgrade_comes_back(site: Site) -> None:
    """No request fails. What was written since is kept aside, and the next upgrade starts over."""
    with Load(site) as load:
        wait_until(lambda: load.response_count() > 20, "clients are answered")
        steps = site.run("rollback", "--to-backup", "--json").stdout.splitlines()
        count = load.response_count()
        wait_until(lambda: load.response_count() > count + 20, "clients are answered")
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert version_of(site) != "2"
    assert notes_in(site) & {"before", "migrated", "since"} == {"before"}
    (kept,) = json.loads(steps[-1])["kept"]
    with closing(sqlite3.connect(kept)) as database:
        assert ("since",) in database.execute("SELECT text FROM notes_note").fetchall()
    assert "the database is newer" not in site.log.read_text()
    forward = site.run("rollback", "--check")  # to the newer version, which knows all
    assert "nothing of the data would change" in forward.stdout
    site.run("rollback")
    assert notes_in(site) & {"before", "migrated", "since"} == {"before", "migrated"}


def test_without_the_backup_nothing_happens(site: Site) -> None:
    for backup in backups(site):
        backup.unlink()
    assert_failed(site.run("rollback", "--to-backup", check=False), 74, "there is no backup from before 1 migration")
    assert version_of(site) == "2"
    assert notes_in(site) == {"before", "migrated", "since"}


def test_damaged_backup_is_not_put_in_place(site: Site) -> None:
    (backup,) = backups(site)
    content = bytearray(backup.read_bytes())
    content[4096:8192] = bytes(4096)
    backup.write_bytes(content)
    assert_failed(site.run("rollback", "--to-backup", check=False), 72, "is damaged")
    assert version_of(site) == "2"
    assert notes_in(site) == {"before", "migrated", "since"}


def test_older_version_says_that_the_database_is_newer(site: Site) -> None:
    """It names the migrations and the version that applied them, and serves."""
    result = site.run("rollback")
    assert MIGRATION in result.stdout
    log = site.log.read_text()
    assert f"which does not know {MIGRATION}; version 2 applied them" in log
    assert site.run("healthcheck").returncode == 0
    assert notes_in(site) == {"before", "migrated", "since"}


def test_failed_migration_is_named_with_its_traceback(small: Path, next_small: Path, tmp_path: Path) -> None:
    environment = bare_environment(NEXT="broken migration")
    with Site(copy_bundle(small, tmp_path / "place"), tmp_path / "data", environment) as site:
        result = site.run("upgrade", str(next_small), check=False)
        assert_failed(result, 55, f"the migration {MIGRATION} failed (ValueError")
        assert "the previous version serves" in result.stderr
        log = site.log.read_text()
        assert f"the migration {MIGRATION} failed" in log
        assert "Traceback (most recent call last)" in log
        assert "0003_next.py" in log
