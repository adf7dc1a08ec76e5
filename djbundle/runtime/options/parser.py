"""The parser of the bundle's own commands. It stands here and not in cli/, since the options of ``serve`` use it."""

import difflib
import os
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import NoReturn

from djbundle.errors import OptionError

ADDRESS_OPTIONS = ("-b", "-p", "--port", "--host", "--http", "--listen", "--address")  # of other servers
PORT = re.compile(r"\d{2,5}")
ADDRESS = re.compile(r"(\S*):\d{2,5}")
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
        if address := _address_in(message.removeprefix(UNKNOWN).split()):
            if "--bind" in known:
                fix = f"did you mean  --bind {address}  ?  {fix}"
        elif matches := difflib.get_close_matches(name.partition("=")[0], known, n=1):
            fix = f"did you mean  {matches[0]}  ?  {fix}"
    return OptionError(message, fix)


def _address_in(words: list[str]) -> str:
    """Return the address that unknown arguments mean, such as ``8000``, ``0.0.0.0:8000`` or ``--port 8000``, or ""."""
    name, _, value = words[0].partition("=")
    if name in ADDRESS_OPTIONS:
        value = value or "".join(words[1:2])
    elif not name.startswith("-"):
        value = name
    if PORT.fullmatch(value):
        return f"127.0.0.1:{value}"
    return value if ADDRESS.fullmatch(value) else ""


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
