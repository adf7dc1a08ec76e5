"""``./shop sbom``: the SBOM of the bundle, as the build has written it."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from djbundle.contract.inventory import SBOM
from djbundle.errors import BundleUnreadableError, OptionError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.options.parser import parse_options


def add_sbom_options(parser: ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="the file to write  [default: stdout]")


def run_sbom(bundle: Bundle, arguments: list[str]) -> int:
    output = parse_options(bundle.program, "sbom", arguments, add_sbom_options).output
    content = read_sbom(bundle)
    if output is None:
        sys.stdout.buffer.write(content + b"\n")
        return 0
    try:
        output.write_bytes(content)
    except OSError as error:
        raise OptionError(f"cannot write {output}: {error.strerror}", "name another file") from error
    print(f"wrote {output}")
    return 0


def read_sbom(bundle: Bundle) -> bytes:
    """Return the SBOM. Raises BundleUnreadableError for a tree that has none."""
    try:
        return (bundle.root / SBOM).read_bytes()
    except FileNotFoundError as error:
        raise BundleUnreadableError("this bundle has no SBOM", "build it again") from error
