"""A rehearsal tells what an upgrade would do to the live data and pages, and changes nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bundle.processes import with_role
from tests.bundle.records import ADD, notes_in
from tests.support.site import Site, bare_environment, copy_bundle

MIGRATION = "notes.0003_next"


@pytest.fixture
def site(small: Path, tmp_path: Path) -> Iterator[Site]:
    with Site(copy_bundle(small, tmp_path / "place"), tmp_path / "data", bare_environment()) as site:
        site.shell(ADD.format(text="live"))
        yield site


def rehearse(site: Site, new: Path, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    """Return the exit code, the steps and the errors of a rehearsal, which must change nothing."""
    site.run_timeout = 400.0
    app, program = with_role(site, "app")[0].pid, site.bundle.read_bytes()
    done = site.run("upgrade", str(new), "--rehearse", "--json", *options, check=False)
    assert with_role(site, "app")[0].pid == app, done.stdout + done.stderr + site.log.read_text()
    assert site.bundle.read_bytes() == program
    assert notes_in(site) == {"live"}
    assert [*site.data.glob(".proof-*")] == []
    assert [each.name for each in site.bundle.parent.iterdir()] == [site.bundle.name]
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.slow
def test_rehearsal_shows_migrations_and_pages(site: Site, next_small: Path) -> None:
    """The front page differs in its queries only. A page that ends its process in both versions is no difference."""
    code, steps, errors = rehearse(site, next_small)
    assert code == 0, errors
    (migrated,) = [each for each in steps if each["state"] == "migrated"]
    assert migrated["migration"] == MIGRATION
    assert migrated["seconds"] > 1
    pages = {each["path"]: each for each in steps if each["state"] == "page"}
    assert pages["/"]["old"]["status"] == pages["/"]["new"]["status"] == 200
    assert pages["/"]["old"]["queries"] > pages["/"]["new"]["queries"] == 0
    assert "/exit/" not in pages
    assert steps[-1]["state"] == "rehearsed"
    assert steps[-1]["pages"] > 10
    assert steps[-1]["worse"] == []


@pytest.mark.slow
def test_page_that_would_fail_is_named(site: Site, next_small: Path) -> None:
    code, steps, errors = rehearse(site, next_small, "--env", "NEXT=fails")
    assert code == 53
    assert "pages would fail in the new version, such as /" in errors
    (page,) = [each for each in steps if each["state"] == "page" and each["path"] == "/"]
    assert (page["old"]["status"], page["new"]["status"]) == (200, 500)
    assert "the new front page is broken" in page["new"]["error"]


def test_migration_that_would_fail_is_named_with_its_traceback(site: Site, next_small: Path) -> None:
    code, steps, errors = rehearse(site, next_small, "--env", "NEXT=broken migration")
    assert code == 47
    assert f"the migration {MIGRATION} would fail (ValueError: this migration is broken)" in errors
    assert "0003_next.py" in steps[-1]["trace"]
