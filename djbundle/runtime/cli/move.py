"""``./shop move postgres://...``: the site moves from its SQLite to PostgreSQL while it serves, and back.

1. Rehearse: make the tables there by the project's migrations, and hold each row against them.
2. Copy all rows as of one moment, while triggers note what changes.
3. Follow the changes, and compare both databases.
4. Switch by a handover (move/switching.py): the last changes, the numbers of new rows, one file.

The SQLite file stays. PostgreSQL notes what changes from then on, so that ``move --back`` can bring it there.
"""

import contextlib
import datetime
import os
import secrets
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from djbundle.common import service_variables
from djbundle.contract.handover import HandoverState
from djbundle.errors import MoveError, NotServingError, OptionError
from djbundle.runtime.cli.upgrade import Reporter, add_json, check_program, reload
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database import sqlite
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.logs import masking
from djbundle.runtime.move import facts, folder, following, url_file
from djbundle.runtime.move.copying import copy_again, copy_all, refusals_explained
from djbundle.runtime.move.destination import prepare
from djbundle.runtime.move.facts import DatabaseFacts
from djbundle.runtime.move.folder import MoveState, SwitchOrder
from djbundle.runtime.move.postgres_side import MARK, PostgresSide
from djbundle.runtime.move.rehearsal import MAX_PROBLEMS, find_problems
from djbundle.runtime.move.sqlite_side import SqliteSide
from djbundle.runtime.move.switching import Switch, open_sides
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.process.lock import lock_data_directory

SCHEMES = ("postgres://", "postgresql://", "pgsql://")
EXAMPLE = "write it as in postgres://user:password@host:5432/name; - reads it from the standard input"


def add_move_options(parser: ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", metavar="URL", help="of the new database; - reads it from standard input")
    parser.add_argument("--check", action="store_true", help="only rehearse: the site is not touched")
    parser.add_argument(
        "--leave", action="append", default=[], metavar="TABLE", help="leave this table behind; may be repeated"
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--back", action="store_true", help="go back to SQLite, with all that was written since")
    ways.add_argument("--abort", action="store_true", help="clean up after a move that was killed")
    ways.add_argument("--forget", action="store_true", help="throw the way back away; the SQLite file is put aside")
    add_json(parser)


def run_move(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "move", arguments, add_move_options)
    report = Reporter(as_json=options.json)
    check_combination(options)
    ways = {"back": go_back, "abort": abort, "forget": forget}
    if way := next((way for name, way in ways.items() if getattr(options, name)), None):
        with folder.locked(bundle.data):
            way(bundle, report)
    elif options.url:
        url = read_url(options.url)
        with folder.locked(bundle.data):
            move(bundle, url, options, report)
    else:
        tell_state(bundle, report)
    return 0


def check_combination(options: Namespace) -> None:
    """Raise OptionError for options that do not belong together: ``--back --check`` would really go back."""
    way = next((name for name in ("back", "abort", "forget") if getattr(options, name)), None)
    of_a_move = [name for name in ("url", "check", "leave") if getattr(options, name)]
    if way and of_a_move:
        name = "URL" if of_a_move[0] == "url" else f"--{of_a_move[0]}"
        raise OptionError(f"--{way} and {name} exclude each other", f"move --{way}  has no other option but --json")
    if of_a_move and not options.url:
        raise OptionError(f"--{of_a_move[0]} needs the URL of the new database", EXAMPLE)


def check_site(bundle: Bundle) -> None:
    """Raise UpgradeError if another file serves the site: that one could not be switched after all rows are copied."""
    with contextlib.suppress(NotServingError):
        request_status(bundle.data, check_program)


def read_url(text: str) -> str:
    """Return the URL. Raise MoveError for one of another kind of database."""
    url = sys.stdin.readline().strip() if text == "-" else text
    masking.learn({service_variables.DATABASE: url})
    if not url.startswith(SCHEMES):
        raise MoveError("this is no URL of a PostgreSQL", EXAMPLE)
    return url


# --- there ---


def move(bundle: Bundle, url: str, options: Namespace, report: Reporter) -> None:
    if not options.check:
        check_site(bundle)
    here = facts_here(bundle)
    there = facts.ask(bundle, url)
    if there.vendor != "postgresql":
        raise MoveError(f"with this URL the site would use {there.vendor}", EXAMPLE)
    facts.run(bundle, None, "migrate", "--check")
    state = MoveState(site_name(bundle.data), here.name, here.zone, options.leave)
    for alias in here.others:
        report("note", f'the database "{alias}" does not move', alias=alias)
    folder.write_state(bundle.data, state)
    with refusals_explained():
        server = PostgresSide(there.parameters, state.zone)
        prepare(server, state.site, lambda: facts.run(bundle, url, "migrate"), lambda text: report("migrating", text))
    source, destination = open_sides(state, there)
    try:
        rehearse(source, destination, state, report)
        if not options.check:
            copy_and_follow(source, destination, report)
            switch(bundle, SwitchOrder(url, is_back=False), there, report)
    finally:
        source.unwatch()
        source.close()
        destination.close()


def facts_here(bundle: Bundle) -> DatabaseFacts:
    """Return the facts of the site's SQLite. Raise MoveError if it uses no file of SQLite."""
    if url_file.read(bundle.data):
        raise MoveError("the site has moved already", "see  move  for the ways from here")
    if os.environ.get(service_variables.DATABASE):
        raise MoveError(
            f"{service_variables.DATABASE} is set, so the site uses that server",
            f"unset {service_variables.DATABASE}, if the site is to move from its SQLite",
        )
    here = facts.ask(bundle, None)
    if here.vendor != "sqlite" or sqlite.file_of(here.name) is None:
        raise MoveError(f"the site's database is {here.vendor} already", "only a file of SQLite can be moved")
    return here


def site_name(data: Path) -> str:
    state = folder.read_state(data)
    return state.site if state else secrets.token_hex(16)


def rehearse(source: SqliteSide, destination: PostgresSide, state: MoveState, report: Reporter) -> None:
    """Raise MoveError, after all lines, if PostgreSQL would refuse something."""
    report("rehearsing", "rehearsing: each row is held against the new tables")
    count = 0
    for problem in find_problems(source, destination.tables, state.leave):
        count += 1
        if count <= MAX_PROBLEMS:
            report("problem", str(problem), **problem._asdict())
    if count:
        raise MoveError(f"PostgreSQL would refuse {count} of them; nothing has changed", "correct them, and try again")
    report("rehearsed", "PostgreSQL takes all rows")


def copy_and_follow(source: SqliteSide, destination: PostgresSide, report: Reporter) -> None:
    tables = destination.tables

    def tell(text: str) -> None:
        report("copying", text)

    with refusals_explained():
        source.watch(tables)
        copy_all(source, destination, tables, tell)
        following.catch_up_until_small(source, destination, tables)
        report("comparing", "comparing the number of rows and a hash of each table")
        following.verify(source, destination, tables, tell, lambda table: copy_again(source, destination, table))
        following.catch_up_until_small(source, destination, tables)
    report("equal", f"all {len(tables)} tables are equal", tables=len(tables))


# --- the switch ---


def switch(bundle: Bundle, order: SwitchOrder, server: DatabaseFacts, report: Reporter) -> None:
    target = "SQLite" if order.is_back else "PostgreSQL"
    try:
        request_status(bundle.data, check_program)
    except NotServingError:
        lock = lock_data_directory(bundle.data)
        offline = Switch(bundle.data, order)
        offline.finish(server)
        offline.commit()
        os.close(lock)
        report("moved", f"the next start uses {target}", seconds=0)
        return
    with folder.ordered(bundle.data, order):
        seconds = hand_over(bundle.data, report)
    report("moved", f"the site uses {target}; writes waited for {seconds:.1f} s", seconds=round(seconds, 2))


def hand_over(data: Path, report: Reporter) -> float:
    """Return the seconds in which nobody could write. Raise MoveError if the site stays where it was."""
    stopped = time.monotonic()
    for message in reload(data):
        if message.state == HandoverState.FAILED:
            raise MoveError(f"the site stays where it was: {message.fields['cause']}", message.fields["fix"])
        if message.state == HandoverState.PENDING:
            stopped = time.monotonic()
            report("stopped", "new connections wait; the last changes are brought over")
    return time.monotonic() - stopped


# --- back, or no more ---


def go_back(bundle: Bundle, report: Reporter) -> None:
    state, server = moved_state(bundle)
    check_site(bundle)
    sqlite_side, postgres = open_sides(state, server)
    try:
        with refusals_explained():
            check_schema(sqlite_side, postgres)
            following.catch_up_until_small(postgres, sqlite_side, postgres.tables)
            report("comparing", "comparing the number of rows and a hash of each table")
            following.verify(postgres, sqlite_side, postgres.tables, lambda text: report("copying", text), no_repair)
        switch(bundle, SwitchOrder("", is_back=True), server, report)
        postgres.unwatch()
    finally:
        sqlite_side.close()
        postgres.close()


def moved_state(bundle: Bundle) -> tuple[MoveState, DatabaseFacts]:
    """Return what is kept of the move, and the server. Raise MoveError if the site has not moved."""
    url, state = url_file.read(bundle.data), folder.read_state(bundle.data)
    if not url:
        raise MoveError("the site has not been moved by this command", "move URL  moves it")
    if not state:
        raise MoveError(
            "there is no way back any more", f"the SQLite file of then is in {bundle.data / sqlite.BACKUPS}"
        )
    return state, facts.ask(bundle, url)


def check_schema(sqlite_side: SqliteSide, postgres: PostgresSide) -> None:
    """Raise MoveError if migrations were applied since the move: the SQLite file has older tables."""
    sql = "SELECT app, name FROM django_migrations"
    here = set(sqlite_side.connection.execute(sql).fetchall())
    newer = sorted(".".join(each) for each in set(postgres.connection.execute(sql).fetchall()) - here)
    if newer:
        raise MoveError(
            f"the SQLite file lacks {', '.join(newer)}", "there is no way back to it any more; see  move --forget"
        )


def no_repair(table: object) -> None:
    """Leave the table: SQLite gets only what PostgreSQL has noted."""


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
    backups = data / sqlite.BACKUPS
    backups.mkdir(mode=0o700, exist_ok=True)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = backups / f"before-move-{stamp}.sqlite3"
    if file.exists():
        sqlite.copy_database(file, aside)
        for each in sqlite.files_of(file):
            each.unlink(missing_ok=True)
    return aside


def abort(bundle: Bundle, report: Reporter) -> None:
    """Remove what an interrupted move has left in SQLite. The new database keeps what was copied there."""
    state = folder.read_state(bundle.data)
    if not state or url_file.read(bundle.data):
        raise MoveError("no move was interrupted", "see  move  for the ways from here")
    with contextlib.closing(SqliteSide(Path(state.file), [])) as side:
        side.unwatch()
    report("aborted", "the site is as it was before; empty the new database, if it is not to be used again")


def was_interrupted(state: MoveState | None) -> bool:
    if not state or not Path(state.file).exists():
        return False
    with contextlib.closing(SqliteSide(Path(state.file), [])) as side:
        return side.is_watched()


def tell_state(bundle: Bundle, report: Reporter) -> None:
    state = folder.read_state(bundle.data)
    if folder.is_moving(bundle.data):
        report("moving", "the site is being moved by another command")
    elif url_file.read(bundle.data):
        way = f"move --back  returns to {state.file}" if state else "the way back was thrown away"
        report("moved", f"the site uses PostgreSQL; {way}", file=state.file if state else "")
    elif was_interrupted(state):
        report("interrupted", "a move was interrupted;  move URL  begins it again,  move --abort  cleans up")
    else:
        report("here", "the site uses the database of its settings;  move URL  moves it to PostgreSQL")
