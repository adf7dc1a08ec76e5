"""Tables that the database itself fills: what was promised, and each time that an outcome was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from ci.bench.engine_kills.trace import runs
from tests.support.outcomes import TASKS, note_outcomes, times_recorded


def prepare(*, has_records: bool) -> None:
    """Make the tables. With records, the database notes each write of an outcome."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE promises (number BIGINT PRIMARY KEY)")
    if has_records:
        note_outcomes(connection)


@dataclass(frozen=True, slots=True)
class Fate:
    """The ends of the tasks."""

    promised: int
    lost: int  # promised, and never run to the end
    unrecorded: int  # rows without an outcome
    recorded_twice: int
    given_up: int  # recorded as failed, after three dead processes
    uncommitted: int  # run, but never promised: of a transaction that was undone
    run_again: int  # at-least-once permits it
    lost_numbers: Sequence[int] = ()

    @property
    def is_sound(self) -> bool:
        return not (self.lost or self.unrecorded or self.recorded_twice or self.uncommitted)


def fate(trace: Path, *, has_records: bool) -> Fate:
    """Compare what was promised, what has run and what is recorded."""
    with transaction.atomic():
        promises = {number for (number,) in _all("SELECT number FROM promises")}
        failed = unrecorded = twice = set[int]()
        if has_records:
            failed = {_number(args) for (args,) in _all(f"SELECT args FROM {TASKS} WHERE status = 'FAILED'")}
            unfinished = f"SELECT id FROM {TASKS} WHERE status NOT IN ('SUCCESSFUL', 'FAILED')"
            unrecorded = {key for (key,) in _all(unfinished)}
            twice = {key for key, times in times_recorded(connection).items() if times > 1}
    ran = runs(trace)
    lost = promises - ran.keys() - failed
    return Fate(
        promised=len(promises),
        lost=len(lost),
        unrecorded=len(unrecorded),
        recorded_twice=len(twice),
        given_up=len(failed),
        uncommitted=len(ran.keys() - promises),
        run_again=sum(times > 1 for times in ran.values()),
        lost_numbers=sorted(lost),
    )


def _all(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _number(args: object) -> int:
    """Return the number in stored arguments, which are text or already a list."""
    return int(str(args).strip("[] "))
