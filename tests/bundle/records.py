"""The rows that a site has in its database."""

import sqlite3
from contextlib import closing

from tests.support.site import Site

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
