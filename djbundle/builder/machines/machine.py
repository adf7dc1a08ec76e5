"""The record of what the builder knows of a machine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of processor, under Linux with glibc."""

    name: str  # as ``uname -m`` prints it; also the name of its folder in launcher/platform
    elf: str  # e_machine of its ELF files, as pyelftools names it
    oci: str  # as container images name it
    loader: str  # the soname of glibc's loader
    triplet: str  # in the names of gcc and of Debian's folders
    largest_page: int  # bytes; the largest page size of a kernel for it
    launcher_flags: tuple[str, ...]  # for the compiler, besides those of every machine
    flags: tuple[str, ...]  # for the compiler, for each of djbundle's own C parts
    in_library_cache: str  # how ``ldconfig -p`` marks its libraries
    has_sqlite_wheels: bool  # whether pysqlite3 has wheels for it
    filter_version: int  # of platform/branches.h; increment it when its result changes, because caches keep results
