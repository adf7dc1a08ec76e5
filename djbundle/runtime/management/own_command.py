"""The entry in ``help`` of a command that cli/main.py runs without loading Django."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class OwnCommand(BaseCommand):
    """Reached only by ``help`` and ``call_command``."""

    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        name = type(self).__module__.rpartition(".")[2]
        raise CommandError(f"{name} is started from the command line only")
