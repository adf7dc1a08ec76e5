"""``./shop at TIME``: the site as of then, beside the one that serves."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.bundle.records import ADD, site_with_note
from tests.bundle.test_backup import COUNT, back_up, content, database, refusal, steps
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.site import Site
from tests.support.waiting import wait_until


class PastSite(Site):
    """A site as of a time. Its data directory is that of the live site."""

    def __init__(self, live: Site, *words: str) -> None:
        super().__init__(live.bundle, live.data, live.environment)
        self.words = words
        self.log = live.data.parent / "past.log"

    def command(self) -> list[str]:
        return [str(self.bundle), "at", *self.words, "serve", "--bind", "127.0.0.1:0", "--data-dir", str(self.data)]


@pytest.fixture
def site(new_small: NewSite) -> Site:
    """Return a site with a note in its backup, and another one since then."""
    site = site_with_note(new_small, "from before")
    (site.data / "media").mkdir()
    (site.data / "media" / "photo.png").write_bytes(b"picture")
    back_up(site)
    site.shell(ADD.format(text="from later"))
    (site.data / "media" / "photo.png").write_bytes(b"another picture")
    return site


def test_the_site_as_of_then_is_read_only_beside_the_live_one(site: Site) -> None:
    with site, PastSite(site, "now") as past:
        before, after = Customer(past.url).get("/").text, Customer(site.url).get("/").text
        assert ("from before" in before, "from later" in before) == (True, False)
        assert "from later" in after
        assert Customer(past.url).get("/media/photo.png").text == "picture"
        assert Customer(past.url).get("/write/?text=no").status == 500
        assert Customer(site.url).get("/write/?text=yes").status == 200
        wait_until(lambda: site.shell(COUNT) == "3", "the live site runs its task")
    assert [*site.data.glob(".at-*")] == [], "it is gone when it ends"


@pytest.mark.slow
def test_a_writable_copy_is_held_and_changes_nothing_live(site: Site) -> None:
    unchanged = content(site.data)
    with PastSite(site, "--writable", "now") as past:
        assert Customer(past.url).get("/write/?text=staged").status == 200
        assert Customer(past.url).get("/up").text.count("this is a held copy") == 1
    assert content(site.data) == unchanged


def test_any_command_as_of_then(site: Site) -> None:
    assert site.run("at", "now", "shell", "-v0", "-c", COUNT).stdout == "1\n"
    assert "from before" in site.run("at", "now", "--from", str(site.data / "backups"), "dumpdata", "notes.Note").stdout
    result = site.run("at", "now", "shell", "-v0", "-c", ADD.format(text="no"), check=False)
    assert result.returncode != 0
    assert "readonly database" in result.stderr
    assert site.shell(COUNT) == "2"


@pytest.mark.slow
def test_a_database_outside_of_the_data_directory_stays_untouched(new_small: NewSite, tmp_path: Path) -> None:
    """The copy lies in the temporary folder, wherever the settings put the live database."""
    place = tmp_path / "elsewhere" / "shop.sqlite3"
    place.parent.mkdir()
    site = new_small(SMALL_DATABASE=str(place))
    site.run("migrate", "-v0")
    site.shell(ADD.format(text="from before"))
    back_up(site)
    site.shell(ADD.format(text="from later"))
    assert site.run("at", "--writable", "now", "shell", "-v0", "-c", ADD.format(text="x") + ";" + COUNT).stdout == "2\n"
    assert site.shell(COUNT) == "2"
    assert steps(site, "backup", "--prove", "latest")[-1]["state"] == "proved"
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT count(*) FROM notes_note").fetchone() == (2,)


def test_restore_by_time(site: Site) -> None:
    assert steps(site, "restore", "--at", "now")[-1]["state"] == "restored"
    assert site.shell(COUNT) == "1"
    code, text = refusal(site, "restore", "--at", "2020-01-01")
    assert (code, "has no backup of 2020-01-01 23:59 UTC or before" in text) == (72, True)
    assert refusal(site, "restore", "--at", "soon")[0] == 72
    assert refusal(site, "restore")[0] == 2
    assert refusal(site, "at", "now")[0] == 2
    assert database(site).exists()
