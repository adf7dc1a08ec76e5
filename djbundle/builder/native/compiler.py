"""Find the C compiler, and compile djbundle's own C with it. The only file that calls the compiler."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import nuitka

from djbundle.builder.core.cache import Cache, hash_of, hash_of_files
from djbundle.builder.core.target import Target
from djbundle.builder.machines import MACHINES, this_machine
from djbundle.builder.machines.machine import Machine
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
FILTER = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-Wl,--build-id=none", "-s")
PACKED_RELOCATIONS = "-Wl,-z,pack-relative-relocs"  # 7 % of the program less to unpack at each start
PACKED_SINCE = (2, 36)  # the version of glibc whose loader knows them; linkers of its time do too
PROGRAM = ("-std=gnu11", "-fPIE", "-pie", "-Wl,--export-dynamic")  # extension modules call its functions


def find_compiler(machine: Machine | None = None) -> str:
    """Return the command of the C compiler: ``$CC``, else the first of CANDIDATES on the PATH.

    For another machine than this one, it is that compiler of CANDIDATES that has the name of its triplet before it.
    """
    if machine and machine != this_machine():
        names = [f"{machine.triplet}-{name}" for name in CANDIDATES]
        fix = f"install one:  apt install gcc-{machine.triplet.replace('_', '-')}"
    else:
        names = [*filter(None, [os.environ.get("CC")]), *CANDIDATES]
        fix = "install one:  apt install gcc libc6-dev  or  dnf install gcc glibc-devel"
    for command in names:
        if shutil.which(command):
            return command
    raise ToolMissingError(f"there is no C compiler{f' for {machine.name}' if machine else ''} on the PATH", fix)


def find_library(soname: str, machine: Machine) -> Path | None:
    """Return the library of this name with which the compiler links; None if it has none."""
    command = [find_compiler(machine), f"-print-file-name={soname}"]
    path = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    return path.resolve() if path.is_absolute() and path.is_file() else None  # otherwise it prints the name itself


def launcher_sources(machine: Machine) -> list[Path]:
    """Return the sources of the launcher for a machine, without those that only other machines have."""
    folder = _folder("launcher")
    others = [folder / "platform" / name for name in MACHINES if name != machine.name]
    sources = sorted(folder.rglob("*.c"))
    return [path for path in sources if path.parent not in others]


def compile_launcher(machine: Machine, cache: Cache) -> Path:
    """Return the launcher, which is the first part of a bundle."""
    zstd = zstd_sources()
    flags = [*FREESTANDING, *SMALL, *WARNINGS, *_headers(), "-isystem", str(zstd), "-isystem", str(zstd / "common")]
    return _compile(launcher_sources(machine), [*flags, *machine.launcher_flags], machine, cache)


def compile_vfs(machine: Machine, cache: Cache) -> Path:
    """Return the library that shows the archive to the program as files."""
    return _compile(sorted(_folder("vfs").glob("*.c")), [*SHARED, *SMALL, *WARNINGS, *_headers()], machine, cache)


def compile_filter(machine: Machine, cache: Cache) -> Path:
    """Return the library with the filter for code of `machine`, for the builder itself, on this machine."""
    source = _folder("launcher") / "platform" / machine.name / "branches.c"
    return _compile([source], [*FILTER, *WARNINGS, *_headers()], this_machine(), cache)


def compile_column_names(soname: str, cache: Cache) -> Path:
    """Return the library that provides the functions that pysqlite3's SQLite lacks."""
    flags = [*SHARED, *SMALL, *WARNINGS, f"-Wl,-soname,{soname}"]
    return _compile(sorted(_folder("sqlite").glob("*.c")), flags, this_machine(), cache)


def compile_program(target: Target, cache: Cache) -> Path:
    """Return the program that embeds the Python interpreter of the target: in itself, or else as a shared library."""
    (sources, flags), machine = _program(target), target.machine
    whole = _whole_interpreter(target)
    if whole and not why_not_static(target, cache):
        try:
            return _compile(sources, flags, machine, cache, whole)
        except CompileError as error:  # a library is not installed for linking, or parts are missing, as in Debian's
            reason = f"{Path(whole[1]).name}: {error.cause.partition(': ')[2]}"
    # The libraries that libpython needs may be newer than those that this compiler links with.
    unresolved = ["-Wl,--allow-shlib-undefined"] if target.is_other else []
    libraries = [str(shared_library(target)), *unresolved, *_libraries(target, "LIBS")]
    program = _compile(sources, flags, machine, cache, libraries)
    if whole and not why_not_static(target, cache):
        cache.get_or_create_bytes("compiled", _refusal(target, whole), reason.encode)
    return program


def why_not_static(target: Target, cache: Cache) -> str:
    """Return why `compile_program` was unable to link the interpreter statically; "" if it was not."""
    whole = _whole_interpreter(target)
    known = cache.find("compiled", _refusal(target, whole)) if whole else None
    return known.read_text() if known else ""


def _whole_interpreter(target: Target) -> list[str]:
    """Return the linker's arguments for the static interpreter; none if there is no static one for this machine.

    All of it is linked, because extension modules call more functions than the program does.
    """
    static = None if target.is_other else _static_library(target)
    whole = ["-Wl,--whole-archive", str(static), "-Wl,--no-whole-archive"]
    return [*whole, *_libraries(target, "LIBS", "MODLIBS")] if static else []


def _refusal(target: Target, libraries: list[str]) -> str:
    """Return the cache key of the reason why these cannot be linked. Installing one of them changes the key."""
    names = [f"-print-file-name=lib{name.removeprefix('-l')}.so" for name in libraries if name.startswith("-l")]
    compiler = find_compiler(target.machine)
    outputs = [subprocess.run([compiler, name], capture_output=True, check=False).stdout for name in names]
    return hash_of(_key(*_program(target), target.machine, libraries), "refused", *outputs)


def _program(target: Target) -> tuple[list[Path], list[str]]:
    """Return the sources and the flags of the program."""
    flags = [
        *PROGRAM,
        *SMALL,
        *_headers(),
        f"-I{target.include}",
        *([f"-idirafter{target.include.parent}"] if target.is_other else []),  # after the compiler's own headers of C
        *([PACKED_RELOCATIONS] if not target.is_other and _glibc() >= PACKED_SINCE else []),
        f"-DEXTENSION_SUFFIXES={','.join(f'"{suffix}"' for suffix in target.extension_suffixes)}",
    ]
    return sorted(_folder("interpreter").glob("*.c")), flags


def _glibc() -> tuple[int, ...]:
    """Return the version of this machine's glibc, which goes into a bundle for this machine."""
    version = os.confstr("CS_GNU_LIBC_VERSION") or ""
    return tuple(map(int, re.findall(r"\d+", version)))


def _libraries(target: Target, *variables: str) -> list[str]:
    """Return the libraries that the interpreter was linked with.

    MODLIBS are those of its built-in modules.
    """
    words = (word for name in variables for word in target.variable(name).split())
    return [*dict.fromkeys(word for word in words if word.startswith("-l")), "-lm"]


def _static_library(target: Target) -> Path | None:
    """Return the static libpython, or None if there is none.

    A program that contains Python is faster than one that loads it as a library, and more of it can be left out. Debian
    has a second one, compiled as position-independent code.
    """
    folder, name = target.folder("LIBPL"), target.variable("LDVERSION")
    paths = (folder / f"libpython{name}{suffix}" for suffix in ("-pic.a", ".a"))
    return next((path for path in paths if path.is_file()), None)


def shared_library(target: Target) -> Path:
    """Return the interpreter as a shared library. Raise CompileError if there is none."""
    name = target.variable("INSTSONAME")
    folders = (target.folder("LIBDIR"), target.prefix / "lib", target.prefix / "lib" / target.machine.triplet)
    if file := next((folder / name for folder in folders if (folder / name).is_file()), None):
        return file
    raise CompileError(f"{target.python} has no library to embed it", "build with a Python that has libpython")


def _headers() -> list[str]:
    """Return the compiler flag for djbundle's own headers."""
    return [f"-I{_folder('launcher')}"]


def _folder(name: str) -> Path:
    return Path(str(files("djbundle") / name))


def _compile(
    sources: list[Path], flags: list[str], machine: Machine, cache: Cache, libraries: Sequence[str] = ()
) -> Path:
    compiler = find_compiler(machine)

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory() as generated:
            write_contract_header(Path(generated), machine)
            command = [
                compiler,
                *flags,
                *machine.flags,
                f"-I{generated}",
                *map(str, sources),
                "-o",
                str(path),
                *libraries,
            ]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise CompileError(
                f"{compiler} cannot compile djbundle's own C: {_first_error(result.stderr)}",
                "install the headers of C and of Python:  apt install libc6-dev python3-dev",
            )

    return cache.get_or_create("compiled", _key(sources, flags, machine, libraries), make)


def _key(sources: list[Path], flags: list[str], machine: Machine, libraries: Sequence[str]) -> str:
    version = subprocess.run([find_compiler(machine), "--version"], capture_output=True, check=True).stdout
    headers = sorted(path for name in ("launcher", "vfs") for path in _folder(name).rglob("*.h"))
    return hash_of(
        hash_of_files([*sources, *headers]),
        contract_header(machine),
        metadata.version("nuitka"),
        sys.version,
        version,
        *machine.flags,
        *flags,
        *libraries,
    )


def _first_error(text: str) -> str:
    """Return the first line of an error, of the compiler or the linker. The linker's has no "error:"."""
    lines = [line for line in text.splitlines() if "collect2" not in line]
    line = next((line for mark in ERROR_MARKS for line in lines if mark in line), "no message")
    return LINKER_PREFIX.sub("", line)


def zstd_sources() -> Path:
    """Return the folder of zstd's decoder sources, which are part of Nuitka."""
    return Path(nuitka.__file__).parent / "build" / "inline_copy" / "zstd"


def zstd_version() -> str:
    """Return the version of these sources."""
    numbers = re.findall(r"^#define ZSTD_VERSION_(?:MAJOR|MINOR|RELEASE) +(\d+)", _zstd_header(), re.MULTILINE)
    return ".".join(numbers)


def _zstd_header() -> str:
    return (zstd_sources() / "zstd.h").read_text()
