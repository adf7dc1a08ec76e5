"""What a command that failed said, in one line."""

import pytest

from djbundle.builder.visit import last_words

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
