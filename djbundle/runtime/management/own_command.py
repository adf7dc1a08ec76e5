"""What ``help`` knows of a command that cli/main.py answers without loading Django."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class OwnCommand(BaseCommand):
    """Only ``help`` and ``call_command`` come here."""

    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        name = type(self).__module__.rpartition(".")[2]
        raise CommandError(f"{name} is started from the command line only")
