"""Tables that the database itself fills: what was promised, and each time that an outcome was recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from ci.bench.engine_kills.trace import runs

TASKS = "djbundle_tasks_taskrecord"
ENDED = "NEW.status IN ('SUCCESSFUL', 'FAILED')"
FUNCTION = f"""
CREATE FUNCTION kills_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF {ENDED} THEN INSERT INTO outcomes VALUES (NEW.id, NEW.status); END IF;
    RETURN NULL;
END $$
"""
TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER kills_{event[:6]} AFTER {event} ON {TASKS} WHEN {ENDED} "
        "BEGIN INSERT INTO outcomes VALUES (NEW.id, NEW.status); END"
        for event in ("INSERT", "UPDATE OF status")
    ],
    "postgresql": [
        FUNCTION,
        f"CREATE TRIGGER kills_note AFTER INSERT OR UPDATE OF status ON {TASKS} "
        "FOR EACH ROW EXECUTE FUNCTION kills_note()",
    ],
    "mysql": [
        f"CREATE TRIGGER kills_insert AFTER INSERT ON {TASKS} FOR EACH ROW "
        f"IF {ENDED} THEN INSERT INTO outcomes VALUES (NEW.id, NEW.status); END IF",
        f"CREATE TRIGGER kills_update AFTER UPDATE ON {TASKS} FOR EACH ROW "
        f"IF {ENDED} AND (OLD.status <> NEW.status OR NOT (OLD.finished_at <=> NEW.finished_at)) "
        "THEN INSERT INTO outcomes VALUES (NEW.id, NEW.status); END IF",
    ],
}


def prepare(*, has_records: bool) -> None:
    """Make the tables. With records, the database notes each write of an outcome."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE promises (number BIGINT PRIMARY KEY)")
        cursor.execute("CREATE TABLE outcomes (task BIGINT, status VARCHAR(10))")
        for statement in TRIGGERS[connection.vendor] if has_records else ():
            cursor.execute(statement)


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
            twice = {key for (key,) in _all("SELECT task FROM outcomes GROUP BY task HAVING count(*) > 1")}
    ran = runs(trace)
    return Fate(
        promised=len(promises),
        lost=len(promises - ran.keys() - failed),
        unrecorded=len(unrecorded),
        recorded_twice=len(twice),
        given_up=len(failed),
        uncommitted=len(ran.keys() - promises),
        run_again=sum(times > 1 for times in ran.values()),
    )


def _all(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _number(args: object) -> int:
    """Return the number in stored arguments, which are text or already a list."""
    return int(str(args).strip("[] "))
