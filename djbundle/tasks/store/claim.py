"""Claims tasks for a worker: the most urgent ones, and none that another worker claims."""

import json
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from djbundle.tasks import options
from djbundle.tasks.models import PausedQueue, TaskRecord
from djbundle.tasks.store import clock, fast_sql, limits
from djbundle.tasks.store.claimed_run import COLUMNS, Row, Run, by_urgency, run_of
from djbundle.tasks.store.durability import relaxed
from djbundle.tasks.store.prepared_statement import rows_of
from djbundle.tasks.store.transitions import Queues, alias, due
from djbundle.tasks.store.worker_identity import Identity


class TaskKind(Enum):
    """The kind of tasks to claim.

    There are tasks that get a process of their own (see worker/process_pool.py), and the others.
    """

    ANY = ""
    SHARED = " AND timeout IS NULL AND losses = 0"
    ALONE = " AND (timeout IS NOT NULL OR losses > 0)"


NEEDS_OWN = models.Q(timeout__isnull=False) | models.Q(losses__gt=0)
CONDITIONS = {TaskKind.ANY: models.Q(), TaskKind.SHARED: ~NEEDS_OWN, TaskKind.ALONE: NEEDS_OWN}
APPEND_WORKER = {
    "sqlite": "json_insert(worker_ids, '$[#]', %s)",
    "postgresql": "worker_ids || jsonb_build_array(%s::text)",
    "mysql": "JSON_ARRAY_APPEND(worker_ids, '$', %s)",
}
# Says READY in a roundabout way. The condition of the partial index djbundle_tasks_limited must appear literally, and
# with a plain "status = 'READY'" SQLite would read every waiting task through djbundle_tasks_ready instead.
HAS_KEYS = """
EXISTS (SELECT 1 FROM {table} WHERE NOT (concurrency_key = '') AND status IN ('READY', 'RUNNING')
    AND status <> 'RUNNING')
"""
PEEK_SQL = """
SELECT EXISTS (SELECT 1 FROM {table} WHERE status = 'READY' AND run_after <= %s {condition}
    AND queue_name NOT IN (SELECT name FROM {paused})), {keyed}
"""
SELECT_SQL = """
SELECT {columns} FROM {table} WHERE status = 'READY' AND run_after <= %s
    AND (expires_at IS NULL OR expires_at > %s OR started_at IS NOT NULL) {condition}
    AND queue_name NOT IN (SELECT name FROM {paused})
ORDER BY priority DESC, run_after, id LIMIT %s {lock}
"""
CLAIM_SQL = "UPDATE {table} SET {marks} WHERE id {condition}"
CLAIMED_VALUES = {  # what a claim writes, and so the values of a claimed row
    "status": "'RUNNING'",
    "epoch": "epoch + 1",
    "worker": "%s",
    "worker_ids": "",  # see APPEND_WORKER
    "lease_until": "%s",
    "last_attempted_at": "%s",
    "started_at": "coalesce(started_at, %s)",
    "sent_at": "NULL",  # if the task waits again, it is sent again
}


def claim(worker: Identity, limit: int, queues: Queues = ()) -> list[TaskRecord]:
    """Claim up to `limit` tasks, the most urgent ones, and return their rows."""
    return [run.record() for run in claim_runs(worker, limit, queues)]


def claim_runs(worker: Identity, limit: int, queues: Queues = (), kind: TaskKind = TaskKind.ANY) -> list[Run]:
    """Claim in the same way, but return runs, which a worker can hand on without converting the rows."""
    limited = limits.rates()
    unlimited = f"AND concurrency_key = ''{kind.value}" + _in_condition("queue_name", queues)
    connection = connections[alias()]
    if connection.vendor == "postgresql" and not limited:  # where an UPDATE that matches no row blocks no other worker
        none_is_keyed = f" AND NOT {_names(connection)['keyed']}"
        if runs := _claim_runs(worker, limit, unlimited + none_is_keyed, queues):
            return runs
    is_due, has_keys = _peek(queues)
    if not is_due:
        return []
    if not limited and not has_keys:
        return _claim_runs(worker, limit, unlimited, queues)
    return _claim_chosen(worker, limit, startable(queues).filter(CONDITIONS[kind]), limited)


def claim_keys(
    worker: Identity, keys: Sequence[int], limit: int, queues: Queues = (), kind: TaskKind = TaskKind.ANY
) -> list[Run]:
    """Claim up to `limit` of these tasks, as far as they are due, of these queues, and have no limit.

    The broker may bring any key, also that of a queue of other workers, if a stranger writes to the broker.
    """
    limited = [*limits.rates()]
    condition = f"AND concurrency_key = ''{kind.value}"
    condition += _in_condition("id", keys) + _in_condition("queue_name", queues) + _not_in_condition(limited)
    return _claim_runs(worker, limit, condition, [*keys, *queues, *limited]) if keys else []


def claim_limited(worker: Identity, limit: int, queues: Queues = (), kind: TaskKind = TaskKind.ANY) -> list[Run]:
    """Claim up to `limit` tasks that have a limit: they are not sent to the broker, see sending.py."""
    limited = limits.rates()
    is_due, has_keys = _peek(queues)
    if not is_due or not (limited or has_keys):
        return []
    has_limit = ~models.Q(concurrency_key="") | models.Q(queue_name__in=[*limited])
    return _claim_chosen(worker, limit, startable(queues).filter(CONDITIONS[kind]).filter(has_limit), limited)


def _claim_chosen(
    worker: Identity, limit: int, candidates: models.QuerySet[TaskRecord], limited: dict[str, limits.Rate]
) -> list[Run]:
    """Claim up to `limit` of the candidates that no limit forbids."""
    with transaction.atomic(using=alias()):
        keys = limits.choose(candidates, limited, limit)
        return _claim_runs(worker, limit, _in_condition("id", keys), keys) if keys else []


def _peek(queues: Queues) -> tuple[bool, bool]:
    """Return whether any task is due, and whether any waiting task may be limited by its key. Reading takes no lock."""
    connection = connections[alias()]
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    sql = PEEK_SQL.format(**_names(connection), condition=_in_condition("queue_name", queues))
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, *queues])
        is_due, has_keys = cursor.fetchone()
    return bool(is_due), bool(has_keys)


def startable(queues: Queues = ()) -> models.QuerySet[TaskRecord]:
    """Return the tasks that are due and have not expired, in the order of claiming."""
    not_expired = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=timezone.now())
    startable = due(queues).filter(not_expired | models.Q(started_at__isnull=False))
    return startable.order_by("-priority", "run_after", "id")


def _claim_runs(worker: Identity, limit: int, condition: str, values: Sequence[Any]) -> list[Run]:
    """Claim the tasks that match the `condition`, with its `values`."""
    connection = connections[alias()]
    now = timezone.now()
    until = clock.now(connection.alias) + options.lease()
    stamp, lease = (connection.ops.adapt_datetimefield_value(moment) for moment in (now, until))
    selection = Selection(condition, [stamp, stamp, *values, limit])
    with relaxed(connection):
        rows = _claimer_for(connection)(connection, selection, ClaimValues(str(worker), lease, stamp))
        return [run_of(row, connection.alias) for row in rows]


class Selection(NamedTuple):
    """The choice of tasks to claim."""

    condition: str  # a condition in SQL
    values: list[Any]  # for all parameters in SELECT_SQL

    def sql(self, connection: BaseDatabaseWrapper, columns: str = "id") -> str:
        names = _names(connection) | {"columns": columns}
        return SELECT_SQL.format(**names, condition=self.condition, lock=_lock(connection))

    def key_condition(self, connection: BaseDatabaseWrapper) -> str:
        """Return SQL that a key must match.

        PostgreSQL may run a subquery after IN once for each row, each time with the LIMIT anew. It makes an array once.
        """
        sql = self.sql(connection)
        return f"= ANY(ARRAY({sql}))" if connection.vendor == "postgresql" else f"IN ({sql})"


class ClaimValues(NamedTuple):
    """The parameters of CLAIMED_VALUES. Times are as the database takes them."""

    worker: str
    lease: Any
    now: Any

    def values_for(self, columns: Iterable[str]) -> list[Any]:
        """Return the values for these columns, in their order."""
        values = {
            "worker": self.worker,
            "worker_ids": self.worker,
            "lease_until": self.lease,
            "last_attempted_at": self.now,
            "started_at": self.now,
        }
        return [values[name] for name in columns if name in values]


def _claimer_for(connection: BaseDatabaseWrapper) -> Callable[[BaseDatabaseWrapper, Selection, ClaimValues], list[Row]]:
    """Return the function that claims on this database. It returns rows of COLUMNS, the most urgent first."""
    if fast_sql.is_direct(connection):
        return _select_and_update
    return _update_returning if connection.vendor in ("sqlite", "postgresql") else _select_update_select


def _select_and_update(connection: BaseDatabaseWrapper, selection: Selection, claim_values: ClaimValues) -> list[Row]:
    """Claim with two statements, for SQLite: it takes twice as long to return what it updates."""
    names = _names(connection)
    with fast_sql.writing(connection):
        sql = selection.sql(connection, names["claimed"])
        rows = fast_sql.execute(connection, sql, [*claim_values.values_for(COLUMNS), *selection.values]).fetchall()
        if rows:
            sql = CLAIM_SQL.format(**names, condition=f"IN ({fast_sql.LISTED})")
            fast_sql.execute(
                connection, sql, [*claim_values.values_for(CLAIMED_VALUES), json.dumps([row[0] for row in rows])]
            )
    return rows


def _update_returning(connection: BaseDatabaseWrapper, selection: Selection, claim_values: ClaimValues) -> list[Row]:
    """Claim with one statement."""
    names = _names(connection)
    sql = CLAIM_SQL.format(**names, condition=selection.key_condition(connection))
    return by_urgency(
        rows_of(
            connection,
            f"{sql} RETURNING {names['columns']}",
            [*claim_values.values_for(CLAIMED_VALUES), *selection.values],
        )
    )


def _select_update_select(
    connection: BaseDatabaseWrapper, selection: Selection, claim_values: ClaimValues
) -> list[Row]:
    """Claim with three statements, for MySQL and MariaDB: they cannot return what they update."""
    names = _names(connection)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(selection.sql(connection), selection.values)
        keys = [key for (key,) in cursor.fetchall()]
        if not keys:
            return []
        condition = f"IN ({', '.join(['%s'] * len(keys))})"
        cursor.execute(
            CLAIM_SQL.format(**names, condition=condition), [*claim_values.values_for(CLAIMED_VALUES), *keys]
        )
        cursor.execute(f"SELECT {names['columns']} FROM {names['table']} WHERE id {condition}", keys)  # noqa: S608 - of names only
        return by_urgency(list(cursor.fetchall()))


def _names(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return _names_for(connection.vendor, connection.alias)


@cache
def _names_for(vendor: str, alias: str) -> dict[str, str]:
    """Return the names of the tables and of the columns that a run needs, as SQL."""
    quote = connections[alias].ops.quote_name
    sign = "+" if vendor == "sqlite" else ""  # Python's sqlite3 makes datetimes of a bare column, in the worker
    table = quote(TaskRecord._meta.db_table)
    marked = CLAIMED_VALUES | {"worker_ids": APPEND_WORKER[vendor]}
    return {
        "table": table,
        "paused": quote(PausedQueue._meta.db_table),
        "columns": ", ".join(sign + quote(name) for name in COLUMNS),
        "marks": ", ".join(f"{name} = {value}" for name, value in marked.items()),
        "claimed": ", ".join(marked.get(name, sign + quote(name)) for name in COLUMNS),
        "keyed": HAS_KEYS.format(table=table),
    }


def _lock(connection: BaseDatabaseWrapper) -> str:
    """Return SQL that makes workers skip rows that another worker is claiming. SQLite has one writer and needs none."""
    features = connection.features
    if not features.has_select_for_update:
        return ""
    return connection.ops.for_update_sql(skip_locked=features.has_select_for_update_skip_locked)


def _not_in_condition(queues: Sequence[str]) -> str:
    return f" AND queue_name NOT IN ({', '.join(['%s'] * len(queues))})" if queues else ""


def _in_condition(column: str, values: Sequence[Any]) -> str:
    return f" AND {column} IN ({', '.join(['%s'] * len(values))})" if values else ""
