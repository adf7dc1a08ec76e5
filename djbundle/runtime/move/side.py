"""The interface of both databases of a move."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from djbundle.runtime.move.tables import Key, Row, RowChange, Table

MODULUS = 1 << 128


class Side(Protocol):
    """One of the two databases. Rows and keys are texts in the form of kinds.py."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Let all reads in the block see one moment."""

    def transaction(self) -> AbstractContextManager[None]:
        """Apply all writes in the block, or none."""

    def rows(self, table: Table) -> Iterator[Row]:
        """Yield each row."""

    def rows_of(self, table: Table, keys: Sequence[Key]) -> Iterator[Row]:
        """Yield the rows with these keys that exist."""

    def count(self, table: Table) -> int:
        """Return the number of rows."""

    def put(self, table: Table, rows: Sequence[Row], deleted: Sequence[Key]) -> None:
        """Write the rows in place of those with the same keys, and delete `deleted`."""

    def watch(self, tables: Sequence[Table]) -> None:
        """Record from now on which rows change."""

    def unwatch(self) -> None:
        """Record no more changes, and delete the records."""

    def changes(self) -> list[RowChange]:
        """Return the recorded changes."""

    def forget(self, changes: Iterable[RowChange]) -> None:
        """Delete these records."""


class Digest(NamedTuple):
    """The number of rows, and a hash of them that does not depend on their order."""

    rows: int
    total: int


def digest_of(table: Table, rows: Iterable[Row]) -> Digest:
    """Return the digest of rows. Equal values have equal digests, whichever database they come from."""
    count = total = 0
    converters = [(index, column.kind.canonical) for index, column in enumerate(table.columns)]
    slow = [(index, canonical) for index, canonical in converters if canonical]
    for row in rows:
        for index, canonical in slow:
            value = row[index]
            if value is not None:
                row[index] = canonical(value)
        text = "\x1f".join(["\x00" if value is None else value for value in row])
        total += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
        count += 1
    return Digest(count, total % MODULUS)


def canonical_rows(table: Table, rows: Iterable[Row]) -> dict[Key, Digest]:
    """Return the digest of each row, by its key."""
    return {table.key_of(row): digest_of(table, [row]) for row in rows}
