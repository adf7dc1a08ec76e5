"""Writes the bundle: launcher, blocks, index and footer in one file, there whole or not at all.

The footer is the last 88 bytes, little-endian (struct footer in launcher/bundle.h); its last field is the SHA-256 of
everything before it.
"""

import hashlib
import os
import shutil
import struct
import tempfile
from pathlib import Path

from djbundle.builder.archive import Archive
from djbundle.errors import OutputError

MAGIC = b"djbundle"
FORMAT = 1
_FOOTER = struct.Struct("<8sIIQQQQQ")  # magic, format, zero, archive offset, index offset/size/raw size, file size
_CHECKSUM_SIZE = 32


def check_output(output: Path) -> None:
    """Refuse, before the work starts, a path that cannot be written."""
    if output.is_dir():
        raise OutputError(f"{output} is a folder", f"name a file:  -o {output / 'site'}")
    existing = next(parent for parent in output.parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}", "choose another file with -o FILE") from error


def write_bundle(output: Path, launcher: Path, archive: Archive) -> str:
    """Write `output` and return its SHA-256. A bundle that runs from the same path keeps running on its old file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(launcher.open("rb"), file)
            start = file.tell()
            for block in archive.blocks:
                file.write(block.path.read_bytes())
            index_offset = file.tell()
            index, raw_size = archive.index(start)
            file.write(index)
            size = file.tell() + _FOOTER.size + _CHECKSUM_SIZE
            file.write(_FOOTER.pack(MAGIC, FORMAT, 0, start, index_offset, len(index), raw_size, size))
            file.flush()
            file.write(_sha256(partial).digest())
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o755)
        partial.replace(output)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return _sha256(output).hexdigest()


def _sha256(path: Path) -> "hashlib._Hash":
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")
