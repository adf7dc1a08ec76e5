"""Read from the sources of a project which of its modules import which."""

import ast
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath


def dotted(name: PurePosixPath) -> str:
    """Return the name by which a source is imported."""
    parts = name.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parsed(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return None


def imports_of(name: PurePosixPath, tree: ast.Module, known: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield the modules that a module imports, by full names, each with its line.

    ``from a import b`` means ``a.b`` if that is a module in `known`, else ``a``.
    """
    package = [*name.parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *(node.module or "").split(".")]).strip(".")
            for each in node.names:
                full = f"{base}.{each.name}"
                yield node.lineno, full if full in known else base


def imported_from(start: Iterable[PurePosixPath], sources: Iterable[PurePosixPath], root: Path) -> set[PurePosixPath]:
    """Return those of `sources` that the modules of `start` import, directly or by others, with their packages."""
    modules = {dotted(source): source for source in sources}
    imported: set[PurePosixPath] = set()
    waiting = [*start]
    while waiting:
        source = waiting.pop()
        tree = parsed(root / source)
        for _line, name in imports_of(source, tree, modules.keys()) if tree else ():
            new = {modules[each] for each in _with_packages(name) if each in modules} - imported
            imported |= new
            waiting += new
    return imported


def _with_packages(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
