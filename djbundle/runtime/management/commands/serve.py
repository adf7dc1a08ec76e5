"""``serve`` as ``help`` lists it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from djbundle.runtime.options import add_serve_options


class Command(BaseCommand):
    """Only ``help`` and ``call_command`` come here; entry.py starts the server before Django is loaded."""

    help = "Migrates the SQLite database (after a backup), then serves the site and runs its background worker."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_serve_options(parser)

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError("serve is started from the command line only")
