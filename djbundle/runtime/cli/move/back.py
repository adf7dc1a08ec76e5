"""Moves back to SQLite, or gives that possibility up."""

import datetime
from pathlib import Path

from djbundle.contract.layout import BACKUPS
from djbundle.errors import MoveError
from djbundle.runtime.cli.move.switch import check_site, switch
from djbundle.runtime.cli.reporting import Reporter
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database import sqlite
from djbundle.runtime.move import facts, folder, following, url_file
from djbundle.runtime.move.copying import refusals_explained
from djbundle.runtime.move.facts import DatabaseFacts
from djbundle.runtime.move.folder import MoveState, SwitchOrder
from djbundle.runtime.move.postgres_side import MARK, PostgresSide
from djbundle.runtime.move.sqlite_side import SqliteSide
from djbundle.runtime.move.switching import open_sides


def go_back(bundle: Bundle, report: Reporter) -> None:
    state, server = moved_state(bundle)
    check_site(bundle)
    sqlite_side, postgres = open_sides(state, server)
    try:
        with refusals_explained():
            check_schema(sqlite_side, postgres)
            following.catch_up_until_small(postgres, sqlite_side, postgres.tables)
            report("comparing", "comparing the number of rows and a hash of each table")
            following.verify(postgres, sqlite_side, postgres.tables)  # SQLite gets only what PostgreSQL has noted
        switch(bundle, SwitchOrder("", is_back=True), server, report)
        postgres.unwatch()
    finally:
        sqlite_side.close()
        postgres.close()


def moved_state(bundle: Bundle) -> tuple[MoveState, DatabaseFacts]:
    """Return the record of the move, and the facts of the server. Raise MoveError if the site has not moved."""
    url, state = url_file.read(bundle.data), folder.read_state(bundle.data)
    if not url:
        raise MoveError("the site has not been moved by this command", "move URL  moves it")
    if not state:
        backups = bundle.data / BACKUPS
        raise MoveError("there is no way back any more", f"the SQLite file of then is in {backups}")
    return state, facts.ask(bundle, url)


def check_schema(sqlite_side: SqliteSide, postgres: PostgresSide) -> None:
    """Raise MoveError if migrations were applied since the move: the SQLite file has older tables."""
    sql = "SELECT app, name FROM django_migrations"
    in_sqlite = set(sqlite_side.connection.execute(sql).fetchall())
    newer = sorted(".".join(each) for each in set(postgres.connection.execute(sql).fetchall()) - in_sqlite)
    if newer:
        raise MoveError(
            f"the SQLite file lacks {', '.join(newer)}", "there is no way back to it any more; see  move --forget"
        )


def forget(bundle: Bundle, report: Reporter) -> None:
    state, server = moved_state(bundle)
    postgres = PostgresSide(server.parameters, state.zone)
    postgres.unwatch()
    postgres.connection.execute(f"DROP TABLE IF EXISTS {MARK}")
    postgres.close()
    aside = put_aside(Path(state.file), bundle.data)
    (folder.folder_of(bundle.data) / folder.STATE).unlink(missing_ok=True)
    report("forgotten", f"there is no way back any more; the old file is {aside}", file=str(aside))


def put_aside(file: Path, data: Path) -> Path:
    """Move the SQLite file to the backups."""
    backups = data / BACKUPS
    backups.mkdir(mode=0o700, exist_ok=True)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = backups / f"before-move-{stamp}.sqlite3"
    if file.exists():
        sqlite.copy_database(file, aside)
        for each in sqlite.files_of(file):
            each.unlink(missing_ok=True)
    return aside
