"""Nuitka: compiles the project to C and links it with the interpreter. The only file that knows its command line."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

from djbundle.builder import compiler, elf
from djbundle.builder.assets import NOT_WORTH_COMPILING
from djbundle.builder.cache import Cache, hash_of
from djbundle.errors import CompileError, DiskFullError, DjbundleError

LOG = "nuitka.log"
UNUSED_CODE_LEFT_OUT = {"CFLAGS": "-ffunction-sections -fdata-sections", "LDFLAGS": "-Wl,--gc-sections"}
MAIN = "_main"  # a name that no package has, or a folder and a file would collide


@dataclass(frozen=True, slots=True)
class Executable:
    """What Nuitka made."""

    path: Path
    modules: frozenset[str]  # of the standard library, which are in it as bytecode
    extensions: frozenset[str]  # modules of the standard library that it loads as ROOT/<name>.so
    cached: bool


def compile_project(root: Path, sources: list[Path], cache: Cache, work: Path) -> Executable:
    """Compile `sources` (modules relative to `root`) into one executable whose main module is the bootstrap."""
    bootstrap = Path(str(files("djbundle") / "runtime" / "bootstrap.py"))
    arguments = _arguments(sources)
    key = hash_of(
        sys.version,
        sysconfig.get_platform(),
        importlib.metadata.version("nuitka"),
        *arguments,
        *UNUSED_CODE_LEFT_OUT.values(),
        bootstrap.read_bytes(),
        *(part for path in sources for part in (str(path), (root / path).read_bytes())),
    )
    if (path := cache.find("executables", key)) and (facts := cache.find("executable-facts", key)):
        return _executable(path, facts, cached=True)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        main = Path(folder) / f"{MAIN}.py"
        shutil.copyfile(bootstrap, main)
        report = Path(folder) / "report.xml"
        _run([*arguments, f"--output-dir={folder}", f"--report={report}", str(main)], root, cache.folder / LOG)
        made = Path(folder) / f"{MAIN}.dist"
        told = {"modules": _bytecode_modules(report), "extensions": sorted(path.stem for path in made.glob("*.so"))}
        facts = cache.store_bytes("executable-facts", key, lambda: json.dumps(told).encode())
        path = cache.store_bytes("executables", key, (made / MAIN).read_bytes)
    return _executable(path, facts, cached=False)


def _bytecode_modules(report: Path) -> list[str]:
    """Modules that Nuitka has put in without compiling them: what the interpreter and itself need to start."""
    modules = ElementTree.parse(report).iterfind("module")  # noqa: S314 - Nuitka's own
    return sorted(module.attrib["name"] for module in modules if module.attrib["kind"].startswith("Uncompiled"))


def _executable(path: Path, facts: Path, *, cached: bool) -> Executable:
    return Executable(
        path, **{name: frozenset(value) for name, value in json.loads(facts.read_text()).items()}, cached=cached
    )


def uses_ccache() -> bool:
    """Whether C that was compiled before is found again; Nuitka takes ccache when it is on the PATH."""
    return shutil.which("ccache") is not None


def _arguments(sources: list[Path]) -> list[str]:
    top_level = {path.parts[0].removesuffix(".py") for path in sources}
    packages = {path.parts[0] for path in sources if len(path.parts) > 1}
    others = (_third_party_modules() | sys.stdlib_module_names) - top_level - {"__main__"}
    return [
        "--mode=standalone",
        f"--output-filename={MAIN}",
        "--remove-output",
        "--assume-yes-for-downloads",
        "--no-progressbar",
        f"--static-libpython={'yes' if _has_static_libpython() else 'no'}",
        "--no-deployment-flag=excluded-module-usage",  # packages lie beside the executable, to be imported
        "--no-deployment-flag=self-execution",  # ./shop shell -c
        *(f"--include-{'package' if name in packages else 'module'}={name}" for name in sorted(top_level)),
        *(f"--nofollow-import-to=*.{name}" for name in (*NOT_WORTH_COMPILING, "tests", "conftest")),
        *(f"--nofollow-import-to={name}" for name in sorted(others)),
    ]


def _third_party_modules() -> set[str]:
    """Every top-level module that a distribution of this environment provides: they go in as bytecode."""
    names = {name for name in importlib.metadata.packages_distributions() if name.isidentifier()}
    return (names | {"djbundle"}) - {"__pycache__"}


def _has_static_libpython() -> bool:
    folder, name = sysconfig.get_config_var("LIBPL"), sysconfig.get_config_var("LDVERSION")
    return bool(folder) and (Path(folder) / f"libpython{name}.a").is_file()


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
