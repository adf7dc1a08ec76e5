"""Arguments that no row can hold are refused before anything is written, so that no transaction breaks."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.tasks.exceptions import InvalidTask

from djbundle.tasks import call, chain, enqueue_many, group, schedule
from djbundle.tasks.models import Schedule, TaskRecord
from djbundle.tasks.testing import run_pending
from tests.tasks import jobs

pytestmark = pytest.mark.usefixtures("each_database")
NAN, INFINITE = float("nan"), float("inf")
BAD: list[tuple[Any, str]] = [
    (NAN, "JSON has no nan"),
    ([1, {"rate": INFINITE}], "JSON has no inf"),
    ("caf\ud800", r"half of a surrogate pair in 'caf\\ud800'"),
    ({"\udfff": 1}, "half of a surrogate pair"),
]


@pytest.mark.parametrize(("value", "message"), BAD)
def test_value_is_refused_and_the_transaction_goes_on(value: Any, message: str) -> None:
    with transaction.atomic():
        for enqueue in (
            lambda: jobs.say.enqueue(value),
            lambda: jobs.say.enqueue(text=value),
            lambda: enqueue_many(jobs.say, [("good",), (value,)]),
            lambda: chain(call(jobs.add, 1, 2), call(jobs.say, value)).enqueue(),
            lambda: group([call(jobs.say, "good")], then=call(jobs.say, value)).enqueue(),
        ):
            with pytest.raises(ValueError, match=f"Arguments of tests.tasks.jobs.say cannot be kept: .*{message}"):
                enqueue()
        jobs.say.enqueue("good")
    assert run_pending() == 1


def test_nul_is_refused_where_the_database_refuses_it(each_database: str) -> None:
    if each_database == "postgresql":
        with transaction.atomic():
            with pytest.raises(ValueError, match=r"PostgreSQL takes no NUL, which is in 'a\\x00b'"):
                jobs.say.enqueue("a\0b")
            jobs.say.enqueue("good")
        assert run_pending() == 1
    else:
        jobs.say.enqueue("a\0b")
        assert TaskRecord.objects.get().args == ["a\0b"]


def test_schedules_refuse_them_too() -> None:
    with pytest.raises(InvalidTask, match="JSON has no nan"):
        schedule(every=60, args=(NAN,), name="nan")(jobs.say)
    with pytest.raises(ValidationError, match="JSON has no nan"):
        Schedule(name="nan", interval=60, task_path="tests.tasks.jobs.say", args=[NAN]).full_clean()
