"""Promises about arguments."""

import datetime
import json
from typing import Any

from django.db import DataError

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import InPart, Refused, expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Arguments")

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**53, 1.5, 0.1, "", "ünïcödé \U0001f600 \"'\\\n", [], {}),
    {"a": [1, {"b": None}], "ä": "ö"},
]
LARGE = "0123456789abcdef" * 65536  # 1 MiB
FLOATS = [1.0, -0.5, 1e16, 1e300, 5e-324]
BAD: tuple[Any, ...] = (object(), {1, 2}, datetime.timedelta(1))


def is_same(one: Any, other: Any) -> bool:
    """Return whether JSON says both values alike. In Python, true equals 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def arrive(bed: Testbed, *args: Any, **kwargs: Any) -> None:
    """Expect that these arguments reach the task unchanged."""
    jobs.note_arguments.enqueue(bed.folder, *args, **kwargs)
    (received,) = bed.wait_for_lines(1, "it did not run")
    expect(is_same(received, [list(args), kwargs]), f"other arguments arrived: {received!r:.80}")


@promise
def arguments_arrive_unchanged(bed: Testbed) -> None:
    """Enqueue positional and named arguments of each type that JSON has."""
    arrive(bed, *VALUES, named=VALUES)


@promise
def an_argument_of_1_MiB_arrives(bed: Testbed) -> None:  # noqa: N802 - the unit
    """Enqueue a long text. Many brokers have a limit."""
    arrive(bed, LARGE)


@promise
def a_float_arrives_as_a_float(bed: Testbed) -> None:
    """Enqueue very large and small ones. Some databases keep numbers in a form of their own."""
    jobs.note_arguments.enqueue(bed.folder, FLOATS)
    (((received,), _named),) = bed.wait_for_lines(1, "it did not run")
    expect([float(each) for each in received] == FLOATS, f"other numbers arrived: {received!r:.80}")
    changed = [sent for sent, each in zip(FLOATS, received, strict=True) if not isinstance(each, float)]
    if changed:
        raise InPart(f"{', '.join(map(repr, changed))} arrived as whole numbers")


@promise
def a_null_character_arrives(bed: Testbed) -> None:
    """Enqueue a text with the character 0, which PostgreSQL cannot store."""
    try:
        arrive(bed, "a\0b")
    except (ValueError, DataError) as error:
        raise Refused(str(error)) from error


@promise
def an_argument_that_JSON_cannot_hold_is_refused_by_enqueue(bed: Testbed) -> None:  # noqa: N802 - a name
    """Enqueue an object, a set and a timedelta. A worker could do nothing but fail."""
    for bad in BAD:
        try:
            jobs.note.enqueue(bed.folder, bad)
        except (TypeError, ValueError):
            continue
        expect(False, f"enqueue() accepts a {type(bad).__name__}")
    bed.settle()
    expect(bed.lines() == ["settled"], "it ran all the same")


@promise
def a_list_that_is_changed_after_enqueue_arrives_as_it_was(bed: Testbed) -> None:
    """Append to a list after it was passed."""
    values = [1]
    jobs.note.enqueue(bed.folder, values)
    values.append(2)
    (received,) = bed.wait_for_lines(1, "it did not run")
    expect(received == [1], f"{received} arrived")
