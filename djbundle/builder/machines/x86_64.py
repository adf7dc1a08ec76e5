"""x86-64, or AMD64."""

import re

from djbundle.builder.machines.machine import Machine

# A possible call or jump, with its distance of 32 bits, signed. A match that is no branch is skipped as a whole too;
# otherwise the inverse could not find the same matches.
_BRANCH = re.compile(rb"[\xe8\xe9]....", re.DOTALL)
_SIGN = 1 << 24
_ONLY_SIGN = (0x00, 0xFF)  # as the last byte: the target is near


def replace_distances(code: bytes) -> bytes:
    """Replace the distance of each branch by its target address, modulo 2**25, relative to the start of the code."""
    result = bytearray(code)
    for match in _BRANCH.finditer(code):
        position = match.start() + 1
        if code[position + 3] not in _ONLY_SIGN:
            continue
        target = int.from_bytes(code[position : position + 4], "little") + match.end() & 2 * _SIGN - 1
        result[position : position + 4] = (target - (target & _SIGN) * 2).to_bytes(4, "little", signed=True)
    return bytes(result)


MACHINE = Machine(
    name="x86_64",
    elf="EM_X86_64",
    loader="ld-linux-x86-64.so.2",
    triplet="x86_64-linux-gnu",
    largest_page=4096,
    launcher_flags=(),
    flags=(),
    in_library_cache="x86-64",
    has_sqlite_wheels=True,
    replace_distances=replace_distances,
    filter_version=2,
)
