"""Search the project's modules for those that stay bytecode: what the rules find, and what `bytecode` names."""

import ast
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from djbundle.builder.dependencies.bytecode_rules import Reason, reads_frames, reasons_of
from djbundle.builder.dependencies.project_imports import dotted, imports_of, parsed
from djbundle.errors import ConfigurationError

Reasons = dict[PurePosixPath, list[Reason]]
CALLER = "calls a module that reads the local variables of its callers, and compiled functions have none there"


def reasons_of_modules(modules: Mapping[PurePosixPath, Path]) -> Reasons:
    """Return why modules stay bytecode, for those that do. A module that is not valid Python is left to Nuitka."""
    trees = {name: tree for name, path in modules.items() if (tree := parsed(path))}
    reasons = {name: own for name, tree in trees.items() if (own := [*reasons_of(tree)])}
    known = {dotted(name) for name in modules}
    readers = {dotted(name) for name, tree in trees.items() if _reads_locals_of_callers(tree)}
    for name, tree in trees.items() if readers else ():
        lines = [line for line, imported in imports_of(name, tree, known) if imported in readers]
        if lines and dotted(name) not in readers:
            reasons.setdefault(name, []).append(Reason(min(lines), "caller", CALLER))
    return reasons


def modules_named(name: str, modules: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    """Return the module of this name, or those of the package of this name."""
    return {path for path in modules if f"{dotted(path)}.".startswith(f"{name}.")}


def named(names: Iterable[str], modules: Mapping[PurePosixPath, Path]) -> Reasons:
    """Return the modules that the configuration names. Raise ConfigurationError for a name that no module has."""
    reasons: Reasons = {}
    for name in names:
        chosen = modules_named(name, modules)
        if not chosen:
            nearest = difflib.get_close_matches(name, map(dotted, modules), n=1)
            raise ConfigurationError(
                f'"{name}" is to stay bytecode, but no module of that name would be compiled',
                f'write "{nearest[0]}"'
                if nearest
                else "see  djbundle check  for the modules, or take it out of bytecode",
            )
        reasons |= {path: [Reason(1, "bytecode", "is named by bytecode")] for path in chosen}
    return reasons


def _reads_locals_of_callers(tree: ast.Module) -> bool:
    nodes = [*ast.walk(tree)]
    has_locals = any(isinstance(node, ast.Attribute) and node.attr == "f_locals" for node in nodes)
    return has_locals and any(reads_frames(node) for node in nodes)
