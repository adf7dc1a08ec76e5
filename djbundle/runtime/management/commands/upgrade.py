"""The entry of ``upgrade`` in ``help``."""

from argparse import ArgumentParser

from djbundle.runtime.cli.upgrade import add_upgrade_options
from djbundle.runtime.management.own_command import OwnCommand


class Command(OwnCommand):
    help = "Puts a new version in place of the one that serves, without a failed request."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_upgrade_options(parser)
