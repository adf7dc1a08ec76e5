"""The ``version`` command: the versions of the software in the bundle."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from djbundle.runtime.cli import management_commands
from djbundle.runtime.cli.version import print_version


class Command(BaseCommand):
    """Reached only by ``help`` and ``call_command``; cli/main.py runs ``./shop version`` without loading Django."""

    help = "Shows the versions of the project, djbundle, Python, Django and SQLite, and what it was built from."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        print_version(management_commands.context.bundle, as_json=options["json"])
