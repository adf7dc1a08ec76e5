"""The parser of the bundle's own commands. It stands here and not in cli/, since the options of ``serve`` use it."""

import difflib
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import NoReturn

from djbundle.errors import OptionError

UNKNOWN = "unrecognized arguments: "  # begins argparse's message


class CommandParser(ArgumentParser):
    """Parses the options of one command. A wrong option is an error of two lines, as all others."""

    def __init__(self, program: str, command: str) -> None:
        super().__init__(prog=f"{os.path.basename(program)} {command}", allow_abbrev=False)  # noqa: PTH119 - a name

    def error(self, message: str) -> NoReturn:
        """Raise OptionError. argparse calls this, and also what checks options after it."""
        raise option_error(self, message)


def option_error(parser: ArgumentParser, message: str) -> OptionError:
    """Return the error of two lines for argparse's `message`, with the nearest option that exists."""
    fix = f"{parser.prog} --help  lists the options"
    if message.startswith(UNKNOWN):
        name = message.removeprefix(UNKNOWN).split()[0]
        known = [option for action in parser._actions for option in action.option_strings]
        if matches := difflib.get_close_matches(name.partition("=")[0], known, n=1):
            fix = f"did you mean  {matches[0]}  ?  {fix}"
    return OptionError(message, fix)


def parse_options(
    program: str,
    command: str,
    arguments: list[str],
    add_options: Callable[[ArgumentParser], object] = lambda _parser: None,
) -> Namespace:
    """Return the options of a command. Raises OptionError. `program` is the path or the name of the bundle."""
    parser = CommandParser(program, command)
    add_options(parser)
    return parser.parse_args(arguments)
