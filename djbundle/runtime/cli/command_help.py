"""A command of the bundle's own as one of Django's, for ``help`` and for the list of commands."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from djbundle.runtime.cli.commands import OWN_COMMANDS, load_function


class OwnCommandHelp(BaseCommand):
    """Reached only by ``help``. cli/main.py runs the command itself without loading Django."""

    requires_system_checks = []

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.command = name, OWN_COMMANDS[name]
        self.help = self.command.help

    def add_arguments(self, parser: ArgumentParser) -> None:
        if self.command.options:
            load_function(self.command.options)(parser)

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError(f"{self.name} is started from the command line only")
