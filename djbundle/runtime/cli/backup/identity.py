"""The option ``--identity``: the file of the private keys that decrypt a backup."""

from argparse import ArgumentParser
from pathlib import Path


def add_identity(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--identity",
        type=Path,
        metavar="FILE",
        help="the file with the private key of an encrypted backup, as `age-keygen` writes it; it is only read",
    )
