"""The entry of ``status`` in ``help``."""

from argparse import ArgumentParser

from djbundle.runtime.cli.status import add_status_options
from djbundle.runtime.management.own_command import OwnCommand


class Command(OwnCommand):
    help = "Shows the processes of the site that runs with this data directory."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_status_options(parser)
