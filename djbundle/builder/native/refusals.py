"""Modules that Nuitka cannot compile: found in its log, kept in the cache, and left as bytecode from then on."""

import importlib.metadata
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.dependencies import modules
from djbundle.builder.dependencies.bytecode_rules import Reason
from djbundle.builder.dependencies.bytecode_search import Reasons
from djbundle.builder.dependencies.modules import Choice
from djbundle.builder.dependencies.project_imports import dotted
from djbundle.builder.project.project import Project

# What Nuitka says of a fault of its own: "Problem at 'x.py:3'", "Problem with statement at x.py:3", or a syntax error.
# The C compiler names the C of a module: "module.shop.x.c:300:5: error: ...".
PLACE = re.compile(
    r"Problem (?:with .+ )?at '?(?P<path>/[^'\n]+):(?P<line>\d+)|^(?P<file>/[^'\n]+\.py):(?P<row>\d+):"
    r"|\bmodule\.(?P<module>[\w.]+)\.c:\d+:\d+: (?:fatal |internal compiler )?error:",
    re.MULTILINE,
)
KIND = "refused"  # of cache entries


class RefusedModuleError(Exception):
    """Nuitka cannot compile a module of the project."""

    def __init__(self, name: PurePosixPath, line: int) -> None:
        super().__init__(f"{name}:{line}")
        self.name, self.line = name, line


def find_refused(log: str, compiled: Mapping[PurePosixPath, Path]) -> RefusedModuleError | None:
    """Return the compiled module that Nuitka's log names as the cause; None if it names none."""
    names = {str(path): name for name, path in compiled.items()} | {dotted(name): name for name in compiled}
    for match in PLACE.finditer(log):
        if name := names.get(match["path"] or match["file"] or match["module"]):
            return RefusedModuleError(name, int(match["line"] or match["row"] or 1))
    return None


def remember(refused: RefusedModuleError, path: Path, cache: Cache) -> None:
    """Keep the line in the cache, under the content of the module."""
    cache.get_or_create_bytes(KIND, _key(path), str(refused.line).encode)


def choose_modules(project: Project, cache: Cache) -> Choice:
    """Return the modules that a build compiles, as far as is known before Nuitka has seen them."""
    return without_refused(modules.choose_modules(project), cache)


def without_refused(choice: Choice, cache: Cache) -> Choice:
    """Return the choice without the modules that this version of Nuitka was unable to compile before."""
    reasons: Reasons = {
        name: [Reason(int(entry.read_text()), "refused", "Nuitka cannot compile it")]
        for name, path in choice.compiled.items()
        if (entry := cache.find(KIND, _key(path)))
    }
    compiled = {name: path for name, path in choice.compiled.items() if name not in reasons}
    return Choice(compiled, choice.bytecode | reasons)


def _key(path: Path) -> str:
    return hash_of(importlib.metadata.version("nuitka"), path.read_bytes())
