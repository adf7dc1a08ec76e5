"""Makes machine code of x86-64 easier to compress; launcher/branches.h says why, and undoes it."""

import re

FILTER = 2  # to be counted up with each change of the result, which caches hold

# What may be a call or jump, with its distance, 32 bits with a sign. What is not is passed over as a whole too, or the
# way back could not know it.
_BRANCH = re.compile(rb"[\xe8\xe9]....", re.DOTALL)
_SIGN = 1 << 24
_ONLY_SIGN = (0x00, 0xFF)  # as the last byte: the branch leads somewhere near


def replace_distances(code: bytes) -> bytes:
    """Replace the distance of each branch by the address it leads to, modulo 2**25, counted from the begin."""
    result = bytearray(code)
    for found in _BRANCH.finditer(code):
        at = found.start() + 1
        if code[at + 3] not in _ONLY_SIGN:
            continue
        target = int.from_bytes(code[at : at + 4], "little") + found.end() & 2 * _SIGN - 1
        result[at : at + 4] = (target - (target & _SIGN) * 2).to_bytes(4, "little", signed=True)
    return bytes(result)
