"""Compile Python sources to ``.pyc`` files that never look for their source."""

import ast
import importlib.util
import marshal
import os
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Part, Tree
from djbundle.contract.layout import VIRTUAL_ROOT

BATCH = 100
UNCHECKED_HASH = 0b01  # flags of a .pyc file, PEP 552


class Source(NamedTuple):
    """A Python file, and its name in the tree."""

    path: Path
    name: str
    keeps_docstrings: bool = True
    shown_as: str = ""  # the file that its code names, if that is not its path in the bundle


def add_bytecode(tree: Tree, sources: Iterable[Source], cache: Cache, part: Part) -> None:
    """Add ``name.pyc`` for each source. Skip files that are not valid Python, such as templates, as pip does."""
    magic = importlib.util.MAGIC_NUMBER
    keys = {
        source: hash_of(source.path.read_bytes(), _path_in_bundle(source), str(source.keeps_docstrings), magic)
        for source in sources
    }
    entries = {source: cache.find("pyc", key) for source, key in keys.items()}
    for source, data in _compile_in_parallel([source for source in keys if not entries[source]]):
        entries[source] = cache.get_or_create_bytes("pyc", keys[source], bytes(data).__bytes__)
    for source, path in entries.items():
        if path:
            tree.add(PurePosixPath(source.name).with_suffix(".pyc"), path, part)


def _compile_in_parallel(sources: list[Source]) -> Iterable[tuple[Source, bytes]]:
    batches = [sources[at : at + BATCH] for at in range(0, len(sources), BATCH)]
    if not batches:
        return
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(batches))) as pool:
        for batch, results in zip(batches, pool.map(_compile_batch, batches), strict=True):
            yield from ((source, data) for source, data in zip(batch, results, strict=True) if data)


def _compile_batch(batch: list[Source]) -> list[bytes | None]:
    warnings.simplefilter("ignore")  # SyntaxWarnings in third-party packages
    return [_compile(source) for source in batch]


def _path_in_bundle(source: Source) -> str:
    """Return the path of a source in the bundle.

    Tracebacks show it, and some packages look for files beside their caller's source.
    """
    return source.shown_as or f"{VIRTUAL_ROOT}/{source.name}"


def _compile(source: Source) -> bytes | None:
    text, path = source.path.read_bytes(), _path_in_bundle(source)
    try:
        module = text if source.keeps_docstrings else without_docstrings(text, path)
        code = compile(module, path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return None
    flags = UNCHECKED_HASH.to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(text) + marshal.dumps(code)


def without_docstrings(text: bytes, name: str) -> ast.Module:
    """Return the syntax tree without docstrings, which only help() shows.

    They are a third of the text in a well-documented module. Parsing into objects takes twice as long as compiling the
    text.
    """
    module = ast.parse(text, name)
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())) as docstring, *rest]:
                    node.body = rest or [ast.copy_location(ast.Pass(), docstring)]
    return module
