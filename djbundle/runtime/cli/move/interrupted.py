"""A move that was interrupted before its switch."""

import contextlib
from pathlib import Path

from djbundle.errors import MoveError
from djbundle.runtime.cli.reporting import Reporter
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.move import folder, url_file
from djbundle.runtime.move.folder import MoveState
from djbundle.runtime.move.sqlite_side import SqliteSide


def was_interrupted(state: MoveState | None) -> bool:
    if not state or not Path(state.file).exists():
        return False
    with contextlib.closing(SqliteSide(Path(state.file), [])) as side:
        return side.is_watched()


def abort(bundle: Bundle, report: Reporter) -> None:
    """Remove what an interrupted move has left in SQLite. The new database keeps what was copied there."""
    state = folder.read_state(bundle.data)
    if not state or url_file.read(bundle.data):
        raise MoveError("no move was interrupted", "see  move  for the ways from here")
    with contextlib.closing(SqliteSide(Path(state.file), [])) as side:
        side.unwatch()
    report("aborted", "the site is as it was before; empty the new database, if it is not to be used again")
