"""``move``: options that do not belong together, and what a command of the bundle says about its failure."""

import pytest

from djbundle.errors import OptionError
from djbundle.runtime.cli.move.command import add_move_options, check_combination
from djbundle.runtime.core.own_process import cause_and_fix
from djbundle.runtime.options.parser import parse_options

URL = "postgres://shop@10.0.0.5/shop"


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--back", "--check"], "--back and --check exclude each other"),
        (["--forget", URL], "--forget and URL exclude each other"),
        (["--abort", "--leave", "orders_old"], "--abort and --leave exclude each other"),
        (["--back", "--forget"], "argument --forget: not allowed with argument --back"),
        (["--check"], "--check needs the URL of the new database"),
        (["--leave", "orders_old"], "--leave needs the URL of the new database"),
    ],
)
def test_options_that_exclude_each_other(arguments: list[str], cause: str) -> None:
    with pytest.raises(OptionError) as caught:
        check_combination(parse_options("shop", "move", arguments, add_move_options))
    assert caught.value.cause == cause


@pytest.mark.parametrize("arguments", [[], [URL], [URL, "--check"], ["--back", "--json"], ["-", "--leave", "a"]])
def test_options_that_belong_together(arguments: list[str]) -> None:
    check_combination(parse_options("shop", "move", arguments, add_move_options))


def test_traceback_ends_with_the_cause() -> None:
    text = """Traceback (most recent call last):
  File "<string>", line 1, in <module>
djbundle.errors.SettingsError: DATABASE_URL needs a driver: psycopg is not in this bundle
  fix: pip install "djbundle[postgres]" in the project, and build again"""
    cause, fix = cause_and_fix(text)
    assert cause == "DATABASE_URL needs a driver: psycopg is not in this bundle"
    assert fix == 'pip install "djbundle[postgres]" in the project, and build again'


def test_error_of_two_lines_is_taken_as_it_is() -> None:
    assert cause_and_fix("note\nerror: no room\n  fix: make some\n") == ("no room", "make some")


def test_error_without_a_fix() -> None:
    cause, fix = cause_and_fix("Traceback\nValueError: wrong\n")
    assert cause == "ValueError: wrong"
    assert "nothing has changed" in fix
