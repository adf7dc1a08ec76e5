"""The entry of ``extract`` in ``help``."""

from argparse import ArgumentParser

from djbundle.runtime.cli.extract import add_extract_options
from djbundle.runtime.management.own_command import OwnCommand


class Command(OwnCommand):
    help = "Writes the files in the bundle to a folder, to look at. The bundle itself needs none of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_extract_options(parser)
