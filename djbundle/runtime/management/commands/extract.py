"""``extract`` as ``help`` lists it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from djbundle.runtime.extract import add_extract_options


class Command(BaseCommand):
    """Only ``help`` comes here; entry.py answers without loading Django."""

    help = "Writes the files in the bundle to a folder, to look at. The bundle itself needs none of them."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_extract_options(parser)

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError("extract is started from the command line only")
