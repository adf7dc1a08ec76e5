"""The rows that a site has in its database."""

import sqlite3
from contextlib import closing

from tests.conftest import NewSite
from tests.support.site import Site

ADD = "from notes.models import Note; Note.objects.create(text={text!r})"
TASKS = "SELECT id FROM djbundle_tasks_taskrecord"


def tasks_in(site: Site) -> set[str]:
    return _column(site, TASKS)


def finished_tasks(site: Site) -> set[str]:
    return _column(site, f"{TASKS} WHERE status = 'SUCCESSFUL'")


def notes_in(site: Site) -> set[str]:
    return _column(site, "SELECT text FROM notes_note")


def _column(site: Site, query: str) -> set[str]:
    with closing(sqlite3.connect(site.data / "db.sqlite3")) as database:
        return {str(value) for (value,) in database.execute(query)}


def site_with_note(new_small: NewSite, text: str) -> Site:
    """Return a new site with migrated databases and a note."""
    site = new_small()
    site.run("migrate", "-v0")
    site.shell(ADD.format(text=text))
    return site
