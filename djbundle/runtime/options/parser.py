"""The parser of the bundle's own commands. It stands here and not in cli/, since the options of ``serve`` use it."""

import difflib
from argparse import ArgumentParser
from typing import NoReturn

from djbundle.errors import OptionError

UNKNOWN = "unrecognized arguments: "  # begins argparse's message


class CommandParser(ArgumentParser):
    """Parses the options of one command. A wrong option is an error of two lines, as all others."""

    def __init__(self, program: str, command: str) -> None:
        super().__init__(prog=f"{program} {command}", allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise OptionError. argparse calls this, and also what checks options after it."""
        fix = f"{self.prog} --help  lists the options"
        if message.startswith(UNKNOWN):
            name = message.removeprefix(UNKNOWN).split()[0]
            known = [option for action in self._actions for option in action.option_strings]
            if matches := difflib.get_close_matches(name.partition("=")[0], known, n=1):
                fix = f"did you mean  {matches[0]}  ?  {fix}"
        raise OptionError(message, fix)
