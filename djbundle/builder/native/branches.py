"""Make x86-64 machine code easier to compress. launcher/platform/branches.h explains it; its C does it."""

import ctypes
import functools

from djbundle.builder.core.cache import Cache, default_folder
from djbundle.builder.native import compiler

FILTER_VERSION = 3  # increment it with each change of the result, because caches keep results


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(compiler.compile_filter(Cache(default_folder()))))


def replace_distances(code: bytes) -> bytes:
    """Replace the distance of each branch, and of each use of data, by its target's address modulo 2**25.

    Addresses are relative to the start of the code.
    """
    buffer = ctypes.create_string_buffer(code, len(code))
    _library().replace_branches(buffer, ctypes.c_size_t(len(code)))
    return buffer.raw
