"""Write the bundle: launcher, blocks, index and footer in one file. An incomplete bundle never appears at its path.

launcher/archive/format.h describes the format.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import xxhash

from djbundle.builder.archive.blocks import compress
from djbundle.builder.archive.index import Archive
from djbundle.contract.file_format import FOOTER, FOOTER_SIZE, FORMAT, MAGIC, UNFINISHED_PREFIX
from djbundle.errors import OutputError


def check_output(output: Path) -> None:
    """Refuse, before the build starts, a path that cannot be written."""
    if output.is_dir():
        raise OutputError(f"{output} is a folder", f"name a file:  -o {output / 'site'}")
    existing = next(parent for parent in output.parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}", "choose another file with -o FILE") from error


@contextlib.contextmanager
def new_bundle(output: Path, launcher: Path, archive: Archive, built: int) -> Iterator[Path]:
    """Write the bundle to a hidden folder beside `output`; move it into place if the block ends without an error.

    A process that runs the previous bundle at this path keeps its old file.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=UNFINISHED_PREFIX) as folder:
        partial = Path(folder, output.name)
        write_bundle(partial, launcher, archive, built)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        yield partial
        partial.replace(output)


def write_bundle(path: Path, launcher: Path, archive: Archive, built: int) -> None:
    """Write the complete file."""
    with path.open("w+b") as file:
        file.write(launcher.read_bytes())
        start = file.tell()
        for block in archive.blocks:
            if not block.is_frame:
                file.write(block.path.read_bytes())
        index_offset = file.tell()
        raw_index = archive.index(start, built)
        index = compress(raw_index)
        file.write(index)
        size = file.tell() + FOOTER_SIZE
        launcher_hash = xxhash.xxh64_intdigest(launcher.read_bytes())
        numbers = (start, launcher_hash, index_offset, len(index), len(raw_index), xxhash.xxh64_intdigest(index), size)
        footer = FOOTER.pack(MAGIC, FORMAT, 0, *numbers)
        file.write(footer)
        file.flush()
        footer += bytes.fromhex(sha256(path))
        file.write(footer[FOOTER.size :] + xxhash.xxh64_intdigest(footer).to_bytes(8, "little"))
    path.chmod(0o755)


def sha256(path: Path) -> str:
    """Return the SHA-256 of the whole file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
