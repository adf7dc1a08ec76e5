"""aarch64, or ARM64. Its kernels have pages of 4, 16 or 64 KB."""

import re
import struct

from djbundle.builder.machines.machine import Machine

LARGEST_PAGE = 64 << 10

# The last byte of a BL, or of an ADRP. Instructions are words of four bytes, little-endian.
_CANDIDATE = re.compile(rb"[\x94-\x97\x90\xb0\xd0\xf0]")
_BL, _BL_DISTANCE = 0x94000000, 0x03FFFFFF  # a distance in instructions
_ADRP, _ADRP_OPERATION, _ADRP_RIGHT = 0x90000000, 0x9F000000, 0x9000001F  # operation; operation and register
_WORD = struct.Struct("<I")


def replace_distances(code: bytes) -> bytes:
    """Replace the distance of each BL and ADRP by its target address, relative to the start of the code.

    The transformation is that of the ARM64 filter of xz (liblzma/simple/arm64.c).
    """
    result = bytearray(code)
    whole = len(code) & ~3
    for match in _CANDIDATE.finditer(code[3:whole:4]):
        position = match.start() * 4
        [instruction] = _WORD.unpack_from(code, position)
        is_page = instruction & _ADRP_OPERATION == _ADRP
        changed = _with_page(instruction, position) if is_page else _with_target(instruction, position)
        _WORD.pack_into(result, position, changed)
    return bytes(result)


def _with_target(instruction: int, position: int) -> int:
    return _BL | instruction + (position >> 2) & _BL_DISTANCE


def _with_page(instruction: int, position: int) -> int:
    """Return an ADRP with the address of its page.

    The distance is a signed number of pages, with 21 bits, the lowest two of which stand apart. One that does not fit
    in 18 bits is left as it is: it is hardly a distance.
    """
    distance = instruction >> 29 & 3 | instruction >> 3 & 0x1FFFFC
    if distance + 0x20000 & 0x1C0000:
        return instruction
    page = distance + (position >> 12)
    sign = 0xE00000 if page & 0x20000 else 0
    return instruction & _ADRP_RIGHT | (page & 3) << 29 | (page & 0x3FFFC) << 3 | sign


MACHINE = Machine(
    name="aarch64",
    elf="EM_AARCH64",
    loader="ld-linux-aarch64.so.1",
    triplet="aarch64-linux-gnu",
    largest_page=LARGEST_PAGE,
    launcher_flags=("-mno-outline-atomics",),  # otherwise they are functions of libgcc, which call libc
    flags=(f"-Wl,-z,max-page-size={LARGEST_PAGE}",),
    in_library_cache="AArch64",
    has_sqlite_wheels=False,
    replace_distances=replace_distances,
    filter_version=1,
)
