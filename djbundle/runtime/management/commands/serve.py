"""The entry of ``serve`` in ``help``."""

from argparse import ArgumentParser

from djbundle.runtime.management.own_command import OwnCommand
from djbundle.runtime.options.serve import add_serve_options


class Command(OwnCommand):
    help = "Migrates the SQLite database (after a backup), then serves the site and runs its background worker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_serve_options(parser)
