"""Has the database itself note each time that the outcome of a task is recorded. No code of ours is asked."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

TASKS = "djbundle_tasks_taskrecord"
ENDED = "NEW.status IN ('SUCCESSFUL', 'FAILED')"
NOTE = "INSERT INTO outcomes VALUES (NEW.id, NEW.status)"
CREATE = {
    "sqlite": [
        f"CREATE TRIGGER outcomes_{event[:6]} AFTER {event} ON {TASKS} WHEN {ENDED} BEGIN {NOTE}; END"
        for event in ("INSERT", "UPDATE OF status")
    ],
    "postgresql": [
        "CREATE FUNCTION outcomes_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {ENDED} THEN {NOTE}; END IF; RETURN NULL; END $$",
        f"CREATE TRIGGER outcomes_note AFTER INSERT OR UPDATE OF status ON {TASKS} "
        "FOR EACH ROW EXECUTE FUNCTION outcomes_note()",
    ],
    "mysql": [
        f"CREATE TRIGGER outcomes_insert AFTER INSERT ON {TASKS} FOR EACH ROW IF {ENDED} THEN {NOTE}; END IF",
        f"CREATE TRIGGER outcomes_update AFTER UPDATE ON {TASKS} FOR EACH ROW "
        f"IF {ENDED} AND (OLD.status <> NEW.status OR NOT (OLD.finished_at <=> NEW.finished_at)) "
        f"THEN {NOTE}; END IF",
    ],
}
DROP = {
    "sqlite": ["DROP TRIGGER outcomes_INSERT", "DROP TRIGGER outcomes_UPDATE"],
    "postgresql": ["DROP FUNCTION outcomes_note CASCADE"],
    "mysql": ["DROP TRIGGER outcomes_insert", "DROP TRIGGER outcomes_update"],
}


def note_outcomes(connection: Any) -> None:
    """Have the database note outcomes from now on."""
    _execute(connection, ["CREATE TABLE outcomes (task BIGINT, status VARCHAR(10))", *CREATE[connection.vendor]])


@contextlib.contextmanager
def noted_outcomes(connection: Any) -> Iterator[None]:
    """Have the database note outcomes in this block."""
    note_outcomes(connection)
    try:
        yield
    finally:
        _execute(connection, [*DROP[connection.vendor], "DROP TABLE outcomes"])


def times_recorded(connection: Any) -> Counter[int]:
    """Return how often the outcome of each task was recorded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT task FROM outcomes")
        return Counter(task for (task,) in cursor.fetchall())


def _execute(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
