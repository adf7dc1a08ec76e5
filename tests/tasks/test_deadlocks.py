"""An operation beside a worker may be chosen to end a deadlock. It is repeated."""

from collections.abc import Callable

import pytest
from django.db import OperationalError, transaction

from djbundle.tasks.store.deadlocks import ATTEMPTS, MYSQL_DEADLOCK, POSTGRESQL_DEADLOCK, retry_after_deadlock


class PostgresError(Exception):
    """An error of psycopg."""

    sqlstate = POSTGRESQL_DEADLOCK


def of_mysql() -> OperationalError:
    return OperationalError(MYSQL_DEADLOCK, "Deadlock found when trying to get lock; try restarting transaction")


def of_postgres() -> OperationalError:
    error = OperationalError("deadlock detected")
    error.__cause__ = PostgresError()
    return error


def failing(error: OperationalError, times: int) -> Callable[[], int]:
    """Return an operation that fails so many times, then returns how often it was called."""
    calls: list[None] = []

    def operation() -> int:
        calls.append(None)
        if len(calls) <= times:
            raise error
        return len(calls)

    return retry_after_deadlock(operation)


@pytest.mark.parametrize("error", [of_mysql(), of_postgres()])
def test_operation_is_repeated(error: OperationalError) -> None:
    assert failing(error, times=ATTEMPTS - 1)() == ATTEMPTS


def test_but_not_for_ever() -> None:
    with pytest.raises(OperationalError):
        failing(of_mysql(), times=ATTEMPTS)()


def test_other_errors_are_told_at_once() -> None:
    with pytest.raises(OperationalError):
        failing(OperationalError(2006, "Server has gone away"), times=1)()


def test_a_transaction_of_the_caller_is_the_callers() -> None:
    with pytest.raises(OperationalError), transaction.atomic():
        failing(of_mysql(), times=1)()
