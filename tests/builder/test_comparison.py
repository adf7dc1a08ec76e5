"""A failure outside a bundle counts as the same as the one inside, or not."""

import pytest

from djbundle.builder.verify.comparison import is_same
from djbundle.builder.verify.crawl_record import Problem, Request

PAGE = Request("/")


@pytest.mark.parametrize(
    ("message", "outcome", "same"),
    [
        ("ValueError: /djb/shop/a.txt", "ValueError: /home/me/shop/a.txt", True),
        ("ValueError: 1", "", False),
        ("ValueError: 1", "KeyError: 1", False),
        ("ModuleNotFoundError: No module named 'a'", "ModuleNotFoundError: No module named 'a'", True),
        ("ModuleNotFoundError: No module named 'a'", "ModuleNotFoundError: No module named 'b'", False),
        ("shop.errors.Refused: no", "shop.errors.Refused: no", True),
        ("shop.errors.Refused: no", "bakery.errors.Refused: no", False),
    ],
)
def test_errors(message: str, outcome: str, same: bool) -> None:
    assert is_same(Problem(str(PAGE), message, "Traceback ...", PAGE), outcome) is same


def test_statuses() -> None:
    problem = Problem(str(PAGE), "it is answered 503", request=PAGE)
    assert is_same(problem, "503")
    assert not is_same(problem, "500")
    assert not is_same(problem, "")


def test_commands() -> None:
    assert is_same(Problem("migrate", "the table is there already"), "django.db.utils.OperationalError: no")
    assert not is_same(Problem("migrate", "the table is there already"), "")
