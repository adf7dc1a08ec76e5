"""The entry of ``verify`` in ``help``."""

from argparse import ArgumentParser

from djbundle.runtime.cli.verify import add_verify_options
from djbundle.runtime.management.own_command import OwnCommand


class Command(OwnCommand):
    help = "Compares every byte of the bundle with the SHA-256 that it carries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_verify_options(parser)
