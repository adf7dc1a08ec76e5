"""Keeps the destination up to date while the site writes to the source, and checks that both are equal."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from djbundle.errors import MoveError
from djbundle.runtime.move.side import Side, canonical_rows, digest_of
from djbundle.runtime.move.tables import Key, RowChange, Table, by_name

SMALL_REST = 50  # changes; writes wait only briefly while so few are brought over
MAX_ROUNDS = 200


def catch_up(source: Side, destination: Side, tables: Sequence[Table]) -> int:
    """Bring all recorded changes to the destination. Return how many there were."""
    with source.snapshot():
        changes = source.changes()
        apply(changes, source, destination, tables)
    if changes:
        source.forget(changes)
    return len(changes)


def apply(changes: Sequence[RowChange], source: Side, destination: Side, tables: Sequence[Table]) -> None:
    """Write the rows as the source has them now, in one transaction."""
    if not changes:
        return
    with destination.transaction():
        for table, keys in _by_table(changes, tables):
            rows = list(source.rows_of(table, keys))
            existing = set(map(table.key_of, rows))
            destination.put(table, rows, [key for key in keys if key not in existing])


def _by_table(changes: Sequence[RowChange], tables: Sequence[Table]) -> list[tuple[Table, list[Key]]]:
    keys: dict[str, dict[Key, None]] = defaultdict(dict)
    for change in changes:
        keys[change.table][change.key] = None
    known = by_name(tables)
    return [(known[name], list(some)) for name, some in keys.items()]


def catch_up_until_small(source: Side, destination: Side, tables: Sequence[Table]) -> None:
    """Raise MoveError if the site writes faster than the destination takes it."""
    for _ in range(MAX_ROUNDS):
        if catch_up(source, destination, tables) <= SMALL_REST:
            return
    raise MoveError(
        "the site writes faster than the other database takes it", "try again when the site has less traffic"
    )


def verify(
    source: Side, destination: Side, tables: Sequence[Table], repair: Callable[[Table], None] | None = None
) -> None:
    """Compare the number of rows and a hash of each table, at one moment of the source. Raise MoveError if they differ.

    Only this command writes to the destination. A table that differs is repaired once, if there is a `repair`.
    """
    with source.snapshot():
        changes = source.changes()
        apply(changes, source, destination, tables)
        for table in tables:
            is_same = is_equal(table, source, destination)
            if not is_same and repair:
                repair(table)
                is_same = is_equal(table, source, destination)
            if not is_same:
                raise MoveError(
                    f"{table.name} is not the same in both databases",
                    "nothing has changed; report this to djbundle's authors",
                )
    source.forget(changes)


def is_equal(table: Table, source: Side, destination: Side) -> bool:
    return digest_of(table, source.rows(table)) == digest_of(table, destination.rows(table))


def finish(source: Side, destination: Side, tables: Sequence[Table]) -> int:
    """Bring the last changes over, while no process writes. Return how many there were.

    Compare the rows that have changed since `verify`, and the number of rows of each table. Raise MoveError if they
    differ.
    """
    changes = source.changes()
    apply(changes, source, destination, tables)
    for table, keys in _by_table(changes, tables):
        if canonical_rows(table, source.rows_of(table, keys)) != canonical_rows(
            table, destination.rows_of(table, keys)
        ):
            raise _differs(table)
    for table in tables:
        if source.count(table) != destination.count(table):
            raise _differs(table)
    return len(changes)


def _differs(table: Table) -> MoveError:
    return MoveError(
        f"{table.name} was changed during the move in a way that no trigger saw",
        "try again; the site goes on as before",
    )
