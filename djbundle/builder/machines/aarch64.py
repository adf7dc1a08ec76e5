"""aarch64, or ARM64. Its kernels have pages of 4, 16 or 64 KB."""

from djbundle.builder.machines.machine import Machine

LARGEST_PAGE = 64 << 10

MACHINE = Machine(
    name="aarch64",
    elf="EM_AARCH64",
    oci="arm64",
    loader="ld-linux-aarch64.so.1",
    triplet="aarch64-linux-gnu",
    largest_page=LARGEST_PAGE,
    launcher_flags=("-mno-outline-atomics",),  # else atomics are functions of libgcc, which call libc
    flags=(f"-Wl,-z,max-page-size={LARGEST_PAGE}",),
    in_library_cache="AArch64",
    has_sqlite_wheels=False,
    filter_version=1,
)
