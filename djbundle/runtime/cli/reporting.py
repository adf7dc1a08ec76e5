"""The report of a command that has several steps."""

import json
import os
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any


def add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print each step as a line of JSON")


@dataclass(frozen=True, slots=True)
class Reporter:
    """Prints each step: as text for a person, or as a line of JSON for a program.

    If nobody reads it any more, as after ``| head -1`` or a lost connection, the steps go on all the same.
    """

    as_json: bool

    def __call__(self, state: str, text: str, /, **fields: Any) -> None:
        try:
            print(json.dumps({"state": state, **fields}) if self.as_json else text, flush=True)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())
