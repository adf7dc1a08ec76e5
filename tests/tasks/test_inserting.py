"""The row of a new task is the same as from Django's own statements, although it is inserted in another way."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from djbundle.tasks.compat import TaskResult, signals
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import wakeup
from tests.tasks import jobs
from tests.tasks.databases import use_sqlite


def test_who_watches_statements_sees_it(each_database: str) -> None:
    statements = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    with transaction.atomic():
        with connection.execute_wrapper(watch):
            jobs.add.enqueue(1, 2)
        with CaptureQueriesContext(connection) as captured:
            jobs.add.enqueue(3, 4)
    assert [sql for sql in statements if sql.startswith("INSERT")]
    assert [query for query in captured.captured_queries if query["sql"].startswith("INSERT")]
    assert [record.args for record in TaskRecord.objects.order_by("id")] == [[1, 2], [3, 4]]


def test_a_broken_transaction_is_refused(each_database: str) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            jobs.add.enqueue(1, 2)
        transaction.set_rollback(False)
    assert not TaskRecord.objects.exists()


def test_what_the_database_says_is_raised_as_djangos_error(tmp_path: Path) -> None:
    with use_sqlite(tmp_path / "own.sqlite3"):
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = ON")
        with pytest.raises(DatabaseError, match="readonly"):
            jobs.add.enqueue(1, 2)


def test_a_receiver_of_the_signal_hears_of_it(each_database: str) -> None:
    ids: list[str] = []

    def receive(task_result: TaskResult, **_: Any) -> None:  # type: ignore[type-arg,unused-ignore]
        ids.append(task_result.id)

    jobs.add.enqueue(1, 2)
    signals.task_enqueued.connect(receive)
    try:
        result = jobs.add.enqueue(3, 4)
    finally:
        signals.task_enqueued.disconnect(receive)
    assert ids == [result.id]


def test_the_worker_is_told_after_all_files_of_the_process_were_closed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wakeup, "addresses_of", lambda _: (b"\0djbundle-test-inserting",))
        receiver = wakeup.listen("default")
        assert receiver
        with receiver:
            wakeup.send("default")
            assert receiver.recv(1)
            os.close(wakeup._sending_socket().fileno())
            wakeup.send("default")  # this call detects that
            wakeup.send("default")
            assert receiver.recv(1)
