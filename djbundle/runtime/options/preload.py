"""``--preload``: whether the site is loaded once, before the fork, or in each process."""

import os
from argparse import ArgumentParser
from enum import StrEnum

from djbundle.contract import variables


class Preload(StrEnum):
    AUTO = "auto"  # once, unless the site has threads then that a fork would end
    ALWAYS = "always"
    NEVER = "never"


def add_preload_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--preload",
        choices=[each.value for each in Preload],
        default=os.environ.get(variables.PRELOAD) or Preload.AUTO.value,
        help="load the site once, and fork its processes from there (always), or load it in each process (never), which"
        " takes more memory; auto: once, unless it starts threads while it is loaded; default:"
        f" {variables.PRELOAD}, or auto",
    )
