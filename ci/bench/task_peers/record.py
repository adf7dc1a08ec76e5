"""Makes the database itself record each write of a task's success, whichever process makes it."""

from ci.bench.task_peers.side import SQLITE, Side

FUNCTION = """
CREATE FUNCTION bench_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT {condition} FROM (SELECT NEW.*) AS written) THEN INSERT INTO bench_done VALUES (NEW.id::text); END IF;
    RETURN NULL;
END $$
"""


def watch(side: Side) -> bool:
    """Start to record. Return False if the peer keeps no records of success."""
    if not side.peer.DONE:
        return False
    table, condition = side.peer.DONE
    # Only statements that write the state: other columns of a finished row may change, as when its worker is deleted.
    events = {"insert": "INSERT", "update": f"UPDATE OF {condition.split()[0]}"}
    side.query("CREATE TABLE bench_done (id text)")
    if side.database == SQLITE:
        for name, event in events.items():
            side.query(
                f"CREATE TRIGGER bench_{name} AFTER {event} ON {table} WHEN NEW.{condition} "
                "BEGIN INSERT INTO bench_done VALUES (NEW.id); END"
            )
    else:
        side.query(FUNCTION.format(condition=condition))
        side.query(
            f"CREATE TRIGGER bench_note AFTER {' OR '.join(events.values())} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION bench_note()"
        )
    return True


def count_doubles(side: Side) -> int:
    """Return how many tasks had more than one such write."""
    doubles = "SELECT id FROM bench_done GROUP BY id HAVING count(*) > 1"
    return int(side.query(f"SELECT count(*) FROM ({doubles}) AS doubles")[0][0])
