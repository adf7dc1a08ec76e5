"""Find the C compiler, and compile djbundle's own C with it. The only file that calls the compiler."""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import nuitka

from djbundle.builder.core.cache import Cache, hash_of, hash_of_files
from djbundle.builder.native.contract_header import contract_header, write_contract_header
from djbundle.errors import CompileError, ToolMissingError

CANDIDATES = ("gcc", "cc", "clang")
WARNINGS = ("-Wall", "-Wextra")
SMALL = ("-O2", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wl,--build-id=none", "-s")
FREESTANDING = (
    "-std=c11",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-tree-loop-distribute-patterns",  # otherwise memcpy's own loop becomes a call of memcpy
    "-static",
    "-nostdlib",
    "-no-pie",
    "-Wl,-Ttext-segment=0x60000000",  # it stays in memory, away from a program with fixed addresses
)
SHARED = ("-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-Bsymbolic")
FILTER = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-Wl,--build-id=none", "-s")
PROGRAM = ("-std=gnu11", "-fPIE", "-pie", "-Wl,--export-dynamic")  # extension modules call its functions


def find_compiler() -> str:
    """Return the command of the C compiler: ``$CC``, else the first of CANDIDATES on the PATH."""
    for command in (os.environ.get("CC"), *CANDIDATES):
        if command and shutil.which(command):
            return command
    raise ToolMissingError(
        "there is no C compiler on the PATH",
        "install one:  apt install gcc libc6-dev  or  dnf install gcc glibc-devel",
    )


def compile_launcher(cache: Cache) -> Path:
    """Return the launcher, which is the first part of a bundle."""
    zstd = zstd_sources()
    flags = [*FREESTANDING, *SMALL, *WARNINGS, *_headers(), "-isystem", str(zstd), "-isystem", str(zstd / "common")]
    return _compile(sorted(_folder("launcher").rglob("*.c")), flags, cache)


def compile_vfs(cache: Cache) -> Path:
    """Return the library that shows the archive to the program as files."""
    return _compile(sorted(_folder("vfs").glob("*.c")), [*SHARED, *SMALL, *WARNINGS, *_headers()], cache)


def compile_filter(cache: Cache) -> Path:
    """Return the library with the filter for machine code, which the builder itself uses."""
    source = _folder("launcher") / "platform" / "x86_64" / "branches.c"
    return _compile([source], [*FILTER, *WARNINGS, *_headers()], cache)


def compile_column_names(soname: str, cache: Cache) -> Path:
    """Return the library that provides the functions that pysqlite3's SQLite lacks."""
    flags = [*SHARED, *SMALL, *WARNINGS, f"-Wl,-soname,{soname}"]
    return _compile(sorted(_folder("sqlite").glob("*.c")), flags, cache)


def compile_program(cache: Cache) -> Path:
    """Return the program that embeds the Python interpreter of this build."""
    flags = [
        *PROGRAM,
        *SMALL,
        *_headers(),
        f"-I{sysconfig.get_path('include')}",
        f'-DSOABI="{sysconfig.get_config_var("SOABI")}"',
    ]
    sources = sorted(_folder("interpreter").glob("*.c"))
    if static := _static_library():
        # The whole archive, because extension modules call more functions than the program does.
        whole = ["-Wl,--whole-archive", str(static), "-Wl,--no-whole-archive", *_libraries("LIBS", "MODLIBS")]
        with contextlib.suppress(CompileError):  # the libraries that it needs may not be installed for linking
            return _compile(sources, flags, cache, whole)
    return _compile(sources, flags, cache, [str(_shared_library()), *_libraries("LIBS")])


def _libraries(*variables: str) -> list[str]:
    """Return the libraries that the interpreter was linked with.

    MODLIBS are those of its built-in modules.
    """
    words = (word for name in variables for word in (sysconfig.get_config_var(name) or "").split())
    return [*dict.fromkeys(word for word in words if word.startswith("-l")), "-lm"]


def _static_library() -> Path | None:
    """Return the static libpython, or None if there is none.

    A program that contains Python is faster than one that loads it as a library, and more of it can be left out. Debian
    has a second one, compiled as position-independent code.
    """
    folder, name = sysconfig.get_config_var("LIBPL"), sysconfig.get_config_var("LDVERSION")
    paths = (Path(folder or "") / f"libpython{name}{suffix}" for suffix in ("-pic.a", ".a"))
    return next((path for path in paths if path.is_file()), None)


def _shared_library() -> Path:
    folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
    for path in (Path(folder or "") / str(name), Path(sys.base_prefix) / "lib" / str(name)):
        if path.is_file():
            return path
    raise CompileError(f"{sys.executable} has no library to embed it", "build with a Python that has libpython")


def _headers() -> list[str]:
    """Return the compiler flag for djbundle's own headers."""
    return [f"-I{_folder('launcher')}"]


def _folder(name: str) -> Path:
    return Path(str(files("djbundle") / name))


def _compile(sources: list[Path], flags: list[str], cache: Cache, libraries: Sequence[str] = ()) -> Path:
    compiler = find_compiler()
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    headers = sorted(path for name in ("launcher", "vfs") for path in _folder(name).rglob("*.h"))
    key = hash_of(
        hash_of_files([*sources, *headers]),
        contract_header(),
        metadata.version("nuitka"),
        sys.version,
        version,
        *flags,
        *libraries,
    )

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory() as generated:
            write_contract_header(Path(generated))
            command = [compiler, *flags, f"-I{generated}", *map(str, sources), "-o", str(path), *libraries]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise CompileError(
                f"{compiler} cannot compile djbundle's own C: {_first_error(result.stderr)}",
                "install the headers of C and of Python:  apt install libc6-dev python3-dev",
            )

    return cache.get_or_create("compiled", key, make)


def _first_error(text: str) -> str:
    """Return the first line of an error.

    Lines of the linker do not contain "error:", but the compiler's line after them does.
    """
    lines = text.splitlines()
    marks = ("error:", "ld:")
    return next((line for mark in marks for line in lines if mark in line and "collect2" not in line), "no message")


def zstd_sources() -> Path:
    """Return the folder of zstd's decoder sources, which are part of Nuitka."""
    return Path(nuitka.__file__).parent / "build" / "inline_copy" / "zstd"
