"""What a command that failed said, in one line; and whom the visitor signs in as."""

import ast
import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import models
from django.utils import timezone

from djbundle.builder.questions import QUESTIONS
from djbundle.builder.visit import last_words


@pytest.fixture
def _settings() -> None:
    """Fields want some; those of other tests will do."""
    if not settings.configured:
        settings.configure()


TRACEBACK = """Traceback (most recent call last):
  File "git/__init__.py", line 296, in <module>
    refresh()
ImportError: Bad git executable.
The git executable must be specified in one of the following ways:
    - be included in your $PATH
"""
CHECKS = """SystemCheckError: System check identified some issues:

ERRORS:
?: (shop.E001) There is no gateway.
\tHINT: Set GATEWAY.

WARNINGS:
?: (shop.W001) It is late.
"""


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("a warning\nerror: the disk is full\n  fix: free some room\n", "the disk is full"),
        (TRACEBACK, "ImportError: Bad git executable."),
        (f"{TRACEBACK}\nDuring handling of the above exception:\n\n{TRACEBACK}", "ImportError: Bad git executable."),
        (CHECKS, "?: (shop.E001) There is no gateway."),
        ("some words\nCommandError: no such thing\n", "CommandError: no such thing"),
        ("", ""),
    ],
)
def test_last_words(stderr: str, said: str) -> None:
    assert last_words(stderr) == said


def value_for() -> Callable[[Any], Any]:
    """The function of that name in the text that runs in the bundle."""
    (function,) = [each for each in ast.parse(QUESTIONS).body if getattr(each, "name", "") == "value_for"]
    known: dict[str, Any] = {"datetime": datetime, "timezone": timezone, "uuid": uuid}
    exec(compile(ast.Module([function], []), "questions", "exec"), known)
    return known["value_for"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (models.EmailField, {}),
        (models.CharField, {"max_length": 5}),
        (models.CharField, {"max_length": 1, "choices": [("group", [("a", "A"), ("b", "B")])]}),
        (models.DateField, {}),
        (models.DateTimeField, {}),
        (models.PositiveSmallIntegerField, {}),
        (models.DecimalField, {"max_digits": 4, "decimal_places": 2}),
        (models.BooleanField, {}),
        (models.UUIDField, {}),
    ],
)
@pytest.mark.usefixtures("_settings")
def test_superuser_has_what_the_project_requires(kind: Callable[..., Any], options: dict[str, Any]) -> None:
    field = kind(**options)
    field.clean(value_for()(field), None)
