"""The stored entry of an error, whatever the error is."""

from collections.abc import Callable

import pytest

from djbundle.tasks.store.outcome import UNPRINTABLE, error_entry, is_a, safe_repr
from tests.tasks import hostile_jobs

RAISED = pytest.mark.parametrize("make", hostile_jobs.RAISED.values(), ids=hostile_jobs.RAISED)


def raised(make: Callable[[], BaseException]) -> BaseException:
    try:
        raise make()
    except BaseException as error:
        return error


@RAISED
def test_every_error_has_an_entry(make: Callable[[], BaseException]) -> None:
    error = raised(make)
    entry = error_entry(error)
    assert set(entry) == set(UNPRINTABLE)
    assert all(type(text) is str and text.isprintable() for text in (entry["exception_class_path"], safe_repr(error)))
    assert is_a(error, BaseException)
    assert not is_a(error, (KeyError, OSError))


def test_entry_of_what_cannot_even_say_its_class() -> None:
    assert error_entry(hostile_jobs.NamelessError()) == UNPRINTABLE


def test_entry_names_the_class_of_an_error_that_exits() -> None:
    entry = error_entry(hostile_jobs.EvilError())
    assert entry["exception_class_path"] == "tests.tasks.hostile_jobs.EvilError"
    assert "cannot be shown: SystemExit" in entry["traceback"]
