"""``verify`` as ``help`` lists it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from djbundle.runtime.verify import add_verify_options


class Command(BaseCommand):
    """Only ``help`` comes here; entry.py answers without Django, which a damaged bundle may not have."""

    help = "Compares every byte of the bundle with the SHA-256 that it carries."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_verify_options(parser)

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError("verify is started from the command line only")
