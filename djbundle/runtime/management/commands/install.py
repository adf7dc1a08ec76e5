"""The entry of ``install`` in ``help``."""

from argparse import ArgumentParser

from djbundle.runtime.cli.install import add_install_options
from djbundle.runtime.management.own_command import OwnCommand


class Command(OwnCommand):
    help = "Writes a systemd service for `serve` with the options that follow, enables and starts it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_install_options(parser)
