"""Make machine code easier to compress. launcher/platform/branches.h explains it; its C does it, for any machine."""

import ctypes
import functools

from djbundle.builder.core.cache import Cache, default_folder
from djbundle.builder.machines.machine import Machine
from djbundle.builder.native import compiler


@functools.cache
def _library(machine: Machine) -> ctypes.CDLL:
    return ctypes.CDLL(str(compiler.compile_filter(machine, Cache(default_folder()))))


def replace_distances(code: bytes, machine: Machine) -> bytes:
    """Replace the distance of each branch, and of each use of data, by its target's address.

    Addresses are relative to the start of the code, which is that of `machine`.
    """
    buffer = ctypes.create_string_buffer(code, len(code))
    _library(machine).replace_branches(buffer, ctypes.c_size_t(len(code)))
    return buffer.raw
