"""Find the C compiler, and compile djbundle's own C with it. The only file that calls the compiler."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.resources import files
from pathlib import Path

import nuitka

from djbundle.builder.core.cache import Cache, hash_of, hash_of_files
from djbundle.builder.native.contract_header import contract_header, write_contract_header
from djbundle.errors import CompileError, ToolMissingError

CANDIDATES = ("gcc", "cc", "clang")
ERROR_MARKS = ("error:", "undefined reference", "cannot find", "ld:", "ld.bfd:")
LINKER_PREFIX = re.compile(r"^\S*\bld(\.\w+)?: |^.*\(\.\S+\): ")  # the linker, or a place in an object file
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


def compile_column_names(soname: str, cache: Cache) -> Path:
    """Return the library that provides the functions that pysqlite3's SQLite lacks."""
    flags = [*SHARED, *SMALL, *WARNINGS, f"-Wl,-soname,{soname}"]
    return _compile(sorted(_folder("sqlite").glob("*.c")), flags, cache)


def compile_program(cache: Cache) -> Path:
    """Return the program that embeds the Python interpreter of this build: in itself, or else as a shared library."""
    sources, flags = _program()
    whole = _whole_interpreter()
    if whole and not why_not_static(cache):
        try:
            return _compile(sources, flags, cache, whole)
        except CompileError as error:  # a library is not installed for linking, or parts are missing, as in Debian's
            reason = f"{Path(whole[1]).name}: {error.cause.partition(': ')[2]}"
    program = _compile(sources, flags, cache, [str(shared_library()), *_libraries("LIBS")])
    if whole and not why_not_static(cache):
        cache.get_or_create_bytes("compiled", _refusal(whole), reason.encode)
    return program


def why_not_static(cache: Cache) -> str:
    """Return why `compile_program` was unable to link the interpreter statically; "" if it was not."""
    whole = _whole_interpreter()
    known = cache.find("compiled", _refusal(whole)) if whole else None
    return known.read_text() if known else ""


def _whole_interpreter() -> list[str]:
    """Return the linker's arguments for the static interpreter; none if there is no static one.

    All of it is linked, because extension modules call more functions than the program does.
    """
    static = _static_library()
    whole = ["-Wl,--whole-archive", str(static), "-Wl,--no-whole-archive"]
    return [*whole, *_libraries("LIBS", "MODLIBS")] if static else []


def _refusal(libraries: list[str]) -> str:
    """Return the cache key of the reason why these cannot be linked. Installing one of them changes the key."""
    names = [f"-print-file-name=lib{name.removeprefix('-l')}.so" for name in libraries if name.startswith("-l")]
    found = [subprocess.run([find_compiler(), name], capture_output=True, check=False).stdout for name in names]
    return hash_of(_key(*_program(), libraries), "refused", *found)


def _program() -> tuple[list[Path], list[str]]:
    """Return the sources and the flags of the program."""
    flags = [
        *PROGRAM,
        *SMALL,
        *_headers(),
        f"-I{sysconfig.get_path('include')}",
        f"-DEXTENSION_SUFFIXES={','.join(f'"{suffix}"' for suffix in EXTENSION_SUFFIXES)}",
    ]
    return sorted(_folder("interpreter").glob("*.c")), flags


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


def shared_library() -> Path:
    """Return the interpreter as a shared library. Raise CompileError if there is none."""
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

    return cache.get_or_create("compiled", _key(sources, flags, libraries), make)


def _key(sources: list[Path], flags: list[str], libraries: Sequence[str]) -> str:
    version = subprocess.run([find_compiler(), "--version"], capture_output=True, check=True).stdout
    headers = sorted(path for name in ("launcher", "vfs") for path in _folder(name).rglob("*.h"))
    return hash_of(
        hash_of_files([*sources, *headers]),
        contract_header(),
        metadata.version("nuitka"),
        sys.version,
        version,
        *flags,
        *libraries,
    )


def _first_error(text: str) -> str:
    """Return the first line of an error, of the compiler or the linker. The linker's has no "error:"."""
    lines = [line for line in text.splitlines() if "collect2" not in line]
    found = next((line for mark in ERROR_MARKS for line in lines if mark in line), "no message")
    return LINKER_PREFIX.sub("", found)


def zstd_sources() -> Path:
    """Return the folder of zstd's decoder sources, which are part of Nuitka."""
    return Path(nuitka.__file__).parent / "build" / "inline_copy" / "zstd"
