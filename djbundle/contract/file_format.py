"""The file format of a bundle: the numbers of launcher/archive/format.h, and the sizes of its structs.

All numbers are little-endian.
"""

import os
import struct
from pathlib import Path

MAGIC = b"djbundle"
FORMAT = 2
UNFINISHED_PREFIX = ".djbundle-"  # prefix of the folder in which a bundle is being written

KIND_FOLDER, KIND_FILE, KIND_EXECUTABLE, KIND_LINK = range(4)
CODING_ZSTD, CODING_NONE = range(2)
NOT_KEPT = (1 << 64) - 1  # the kept offset of a block that is unpacked directly to its destination

INDEX = struct.Struct("<6I3Q")  # struct index
BLOCK = struct.Struct("<3Q6I")  # struct block
ENTRY = struct.Struct("<I2H5I")  # struct entry
FOOTER = struct.Struct("<8sII7Q")  # struct footer up to its SHA-256
FOOTER_SIZE = FOOTER.size + 32 + 8  # with the SHA-256 of the file and the XXH64 of the footer


def is_bundle(path: Path) -> bool:
    """Return whether djbundle has built this file, whatever its name."""
    if not path.is_file() or not os.access(path, os.X_OK) or path.stat().st_size < FOOTER_SIZE:
        return False
    with path.open("rb") as file:
        file.seek(-FOOTER_SIZE, os.SEEK_END)
        return file.read(len(MAGIC)) == MAGIC
