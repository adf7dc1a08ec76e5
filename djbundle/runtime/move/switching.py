"""The switch: the next process of the site begins on the other database, once the last changes are there.

The command `move` leaves an order and asks `serve` to hand over. The candidate reads the order, loads the site with
the settings of the other database, waits until the older process has drained, and brings the last changes over. It
commits by creating or removing one file. Until then the older process can go on where it was.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from djbundle.common import service_variables
from djbundle.errors import MoveError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.own_files import remove_own, write_own
from djbundle.runtime.logs.lines import log
from djbundle.runtime.move import facts, folder, following, url_file
from djbundle.runtime.move.copying import refusals_explained
from djbundle.runtime.move.facts import DatabaseFacts
from djbundle.runtime.move.folder import MoveState, SwitchOrder
from djbundle.runtime.move.postgres_side import PostgresSide
from djbundle.runtime.move.sqlite_side import SqliteSide
from djbundle.runtime.move.tables import Table, read_tables


@dataclass(slots=True)
class Switch:
    """One switch of the site whose data directory is `data`."""

    data: Path
    order: SwitchOrder
    before: str = field(init=False)  # the text that the file of the URL had
    server: DatabaseFacts | None = None  # set by `prepare`, unless the command knows it

    def __post_init__(self) -> None:
        self.before = url_file.read(self.data)

    @property
    def server_url(self) -> str:
        """The URL of PostgreSQL, which is one of the two sides."""
        return self.order.url or self.before

    def prepare(self, bundle: Bundle) -> None:
        """Ask for the facts of the server, before requests have to wait."""
        self.server = facts.ask(bundle, self.server_url)

    def finish(self) -> None:
        """Bring the last changes over, and compare. Raise MoveError."""
        state = folder.read_state(self.data)
        if state is None or self.server is None:
            raise MoveError("the move was given up meanwhile", "begin it again")
        sqlite, postgres = open_sides(state, self.server)
        try:
            with refusals_explained():
                count = self._finish(sqlite, postgres)
        finally:
            sqlite.close()
            postgres.close()
        log(f"the last {count} changes are in {'SQLite' if self.order.is_back else 'PostgreSQL'}, and both are equal")

    def _finish(self, sqlite: SqliteSide, postgres: PostgresSide) -> int:
        if self.order.is_back:
            return following.finish(postgres, sqlite, postgres.tables)
        count = following.finish(sqlite, postgres, postgres.tables)
        with postgres.transaction():
            postgres.set_sequences(sqlite.highest_numbers())
            postgres.watch(postgres.tables)  # for the way back
        return count

    def commit(self) -> None:
        """Make all later starts use the other database."""
        path = self.data / url_file.FILE_NAME
        if self.order.is_back:
            remove_own(path)
        else:
            write_own(path, self.order.url)

    def undo(self) -> None:
        """Make all later starts use the database from before."""
        path = self.data / url_file.FILE_NAME
        if self.before:
            write_own(path, self.before)
        else:
            remove_own(path)


def begin(data: Path) -> Switch | None:
    """Return the switch that this candidate has to make, or None; choose the database for its settings.

    Raise MoveError during a move that is not ready to switch: it could not follow the writes of another version.
    """
    if not folder.is_moving(data):
        return None
    order = folder.read_order(data)
    if order is None:
        raise MoveError("the site is being moved to another database", "wait for `move`, or stop it, and try again")
    switch = Switch(data, order)
    if order.is_back:
        url_file.ignore()
    else:
        os.environ[service_variables.DATABASE] = order.url
    return switch


def open_sides(state: MoveState, server: DatabaseFacts) -> tuple[SqliteSide, PostgresSide]:
    """Return both databases, with the tables that move."""
    postgres = PostgresSide(server.parameters, state.zone)
    tables: Sequence[Table] = [table for table in read_tables(postgres.connection) if table.name not in state.leave]
    postgres.tables = tables
    return SqliteSide(Path(state.file), tables), postgres
