"""The C compiler: finds it, and compiles the launcher with it. The only file that calls it."""

import os
import shutil
import subprocess
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import nuitka

from djbundle.builder.cache import Cache, hash_of, hash_of_files
from djbundle.errors import CompileError, ToolMissingError

CANDIDATES = ("gcc", "cc", "clang")
FLAGS = [
    "-std=c11",
    "-Os",
    "-Wall",
    "-Wextra",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-tree-loop-distribute-patterns",  # or memcpy's own loop becomes a call of memcpy
    "-ffunction-sections",
    "-fdata-sections",
    "-static",
    "-nostdlib",
    "-no-pie",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-s",
]


def find_compiler() -> str:
    """The command of the C compiler: ``$CC``, else the first of CANDIDATES on the PATH."""
    for command in (os.environ.get("CC"), *CANDIDATES):
        if command and shutil.which(command):
            return command
    raise ToolMissingError(
        "there is no C compiler on the PATH",
        "install one:  apt install gcc libc6-dev  or  dnf install gcc glibc-devel",
    )


def compile_launcher(cache: Cache) -> Path:
    """The launcher, ready to be the first bytes of a bundle."""
    compiler = find_compiler()
    folder = Path(str(files("djbundle") / "launcher"))
    zstd = zstd_sources()
    sources = sorted(folder.glob("*.c"))
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    key = hash_of(hash_of_files(sorted(folder.glob("*.[ch]"))), metadata.version("nuitka"), version, *FLAGS)

    def make(path: Path) -> None:
        includes = ["-isystem", str(zstd), "-isystem", str(zstd / "common")]
        command = [compiler, *FLAGS, *includes, *map(str, sources), "-o", str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            first = (result.stderr.strip().splitlines() or ["no message"])[0]
            raise CompileError(f"{compiler} cannot compile the launcher: {first}", "install the C library's headers")

    return cache.file("launcher", key, make)


def zstd_sources() -> Path:
    """The folder of zstd's decoder sources, which Nuitka carries."""
    return Path(nuitka.__file__).parent / "build" / "inline_copy" / "zstd"
