"""The way there: rehearse, copy, follow, switch."""

import os
import secrets
from argparse import Namespace
from pathlib import Path

from djbundle.common import service_variables
from djbundle.errors import MoveError
from djbundle.runtime.cli.move.switch import check_site, switch
from djbundle.runtime.cli.reporting import Reporter
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database import sqlite
from djbundle.runtime.move import facts, folder, following, url_file
from djbundle.runtime.move.copying import copy_again, copy_all, refusals_explained
from djbundle.runtime.move.destination import prepare
from djbundle.runtime.move.facts import DatabaseFacts
from djbundle.runtime.move.folder import MoveState, SwitchOrder
from djbundle.runtime.move.postgres_side import PostgresSide
from djbundle.runtime.move.rehearsal import MAX_PROBLEMS, find_problems
from djbundle.runtime.move.sqlite_side import SqliteSide
from djbundle.runtime.move.switching import open_sides
from djbundle.runtime.move.tables import Table

EXAMPLE = "write it as in postgres://user:password@host:5432/name; - reads it from the standard input"


def move(bundle: Bundle, url: str, options: Namespace, report: Reporter) -> None:
    if not options.check:
        check_site(bundle)
    source_facts = sqlite_facts(bundle)
    destination_facts = facts.ask(bundle, url)
    if destination_facts.vendor != "postgresql":
        raise MoveError(f"with this URL the site would use {destination_facts.vendor}", EXAMPLE)
    facts.run(bundle, None, "migrate", "--check")
    state = MoveState(site_name(bundle.data), source_facts.name, source_facts.zone, options.leave)
    for alias in source_facts.others:
        report("note", f'the database "{alias}" does not move', alias=alias)
    folder.write_state(bundle.data, state)
    with refusals_explained():
        server = PostgresSide(destination_facts.parameters, state.zone)
        prepare(server, state.site, lambda: facts.run(bundle, url, "migrate"), lambda text: report("migrating", text))
    source, destination = open_sides(state, destination_facts)
    try:
        rehearse(source, destination, state, report)
        if not options.check:
            copy_and_follow(source, destination, report)
            switch(bundle, SwitchOrder(url, is_back=False), destination_facts, report)
    finally:
        source.unwatch()
        source.close()
        destination.close()


def sqlite_facts(bundle: Bundle) -> DatabaseFacts:
    """Return the facts of the site's SQLite. Raise MoveError if it uses no file of SQLite."""
    if url_file.read(bundle.data):
        raise MoveError("the site has moved already", "see  move  for the ways from here")
    if os.environ.get(service_variables.DATABASE):
        raise MoveError(
            f"{service_variables.DATABASE} is set, so the site uses that server",
            f"unset {service_variables.DATABASE}, if the site is to move from its SQLite",
        )
    source_facts = facts.ask(bundle, None)
    if source_facts.vendor != "sqlite" or sqlite.file_of(source_facts.name) is None:
        raise MoveError(f"the site's database is {source_facts.vendor} already", "only a file of SQLite can be moved")
    return source_facts


def site_name(data: Path) -> str:
    state = folder.read_state(data)
    return state.site if state else secrets.token_hex(16)


def rehearse(source: SqliteSide, destination: PostgresSide, state: MoveState, report: Reporter) -> None:
    """Print a line for each row that PostgreSQL would refuse. Raise MoveError if there is any."""
    report("rehearsing", "rehearsing: each row is checked against the new tables")
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

    def report_copying(text: str) -> None:
        report("copying", text)

    def repair(table: Table) -> None:
        report_copying(f"{table.name} differs, and is copied again: it was changed in a way that no trigger saw")
        copy_again(source, destination, table)

    with refusals_explained():
        source.watch(tables)
        copy_all(source, destination, tables, report_copying)
        following.catch_up_until_small(source, destination, tables)
        report("comparing", "comparing the number of rows and a hash of each table")
        following.verify(source, destination, tables, repair)
        following.catch_up_until_small(source, destination, tables)
    report("equal", f"all {len(tables)} tables are equal", tables=len(tables))
