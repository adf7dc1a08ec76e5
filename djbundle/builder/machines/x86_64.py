"""x86-64, or AMD64."""

from djbundle.builder.machines.machine import Machine

MACHINE = Machine(
    name="x86_64",
    elf="EM_X86_64",
    oci="amd64",
    loader="ld-linux-x86-64.so.2",
    triplet="x86_64-linux-gnu",
    largest_page=4096,
    launcher_flags=(),
    flags=(),
    in_library_cache="x86-64",
    has_sqlite_wheels=True,
    filter_version=3,
)
