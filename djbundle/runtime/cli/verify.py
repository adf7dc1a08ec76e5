"""``./shop verify``: check the whole file against the checksum that it carries.

Each start checks the launcher and the index, and each block is checked when it is read. This command reads everything
at once. It is for a file that was copied over a bad line, or that was on a bad disk for a year.
"""

import hashlib
import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from pathlib import Path

from djbundle.errors import BundleUnreadableError, DamagedBundleError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.options.parser import parse_options

TAIL = 40  # bytes: SHA-256 of all before it, and hash of the footer; see struct footer in launcher/archive/format.h
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file that is exactly as it was built."""

    file: str
    size: int  # bytes
    sha256: str  # of the whole file, as sha256sum(1) prints it


def add_verify_options(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_verify(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "verify", arguments, add_verify_options)
    file = Path(sys.executable)
    verified = verify(file)
    if options.json:
        print(json.dumps(asdict(verified)))
    else:
        print(f"{file} is whole: {verified.size:,} bytes, SHA-256 {verified.sha256}")
    return 0


def verify(file: Path) -> VerifiedFile:
    """Compare the file with its checksum. Raises DamagedBundleError or BundleUnreadableError."""
    digest = hashlib.sha256()
    try:
        left = size = file.stat().st_size
        with file.open("rb") as opened:
            while left > TAIL and (chunk := opened.read(min(CHUNK, left - TAIL))):
                digest.update(chunk)
                left -= len(chunk)
            tail = opened.read()
    except OSError as error:
        raise BundleUnreadableError(
            f"cannot read {file}: {error.strerror}", "run verify as a user who may read the bundle"
        ) from error
    if tail[:32] != digest.digest() or len(tail) != TAIL:
        raise DamagedBundleError(f"{file} is damaged", "copy it again and compare its SHA-256 with the original")
    digest.update(tail)
    return VerifiedFile(str(file), size, digest.hexdigest())
