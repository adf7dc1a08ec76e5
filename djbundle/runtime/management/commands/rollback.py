"""The entry of ``rollback`` in ``help``."""

from argparse import ArgumentParser

from djbundle.runtime.cli.upgrade import add_json
from djbundle.runtime.management.own_command import OwnCommand


class Command(OwnCommand):
    help = "Brings back the version that was before the last upgrade."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_json(parser)
