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
KIND = "pyc"  # of cache entries
UNCHECKED_HASH = 0b01  # flags of a .pyc file, PEP 552


class Source(NamedTuple):
    """A Python file, and its name in the tree."""

    path: Path
    name: str
    keeps_docstrings: bool = True
    shown_as: str = ""  # the file that its code names, if that is not its path in the bundle


def add_bytecode(tree: Tree, sources: Iterable[Source], cache: Cache, part: Part) -> None:
    """Add ``name.pyc`` for each source. Skip files that are not valid Python, such as templates, as pip does."""
    keys = {source: _key(source, cache) for source in sources}
    missing = [item for item in keys.items() if not cache.find(KIND, item[1])]
    _compile_in_parallel(missing, cache.folder)
    invalid = {source for source, key in missing if not cache.path_of(KIND, key).exists()}
    for source, key in keys.items():
        if source not in invalid:
            tree.add(PurePosixPath(source.name).with_suffix(".pyc"), cache.path_of(KIND, key), part)


def _key(source: Source, cache: Cache) -> str:
    path, keeps_docstrings = _path_in_bundle(source), str(source.keeps_docstrings)
    return hash_of(cache.digests.of(source.path), path, keeps_docstrings, importlib.util.MAGIC_NUMBER)


def _compile_in_parallel(sources: list[tuple[Source, str]], folder: Path) -> None:
    """Compile sources in all cores; each process stores its results in the cache itself."""
    batches = [(folder, sources[at : at + BATCH]) for at in range(0, len(sources), BATCH)]
    if len(batches) == 1:
        _compile_batch(batches[0])
    elif batches:
        with ProcessPoolExecutor(min(os.cpu_count() or 1, len(batches))) as pool:
            list(pool.map(_compile_batch, batches))


def _compile_batch(batch: tuple[Path, list[tuple[Source, str]]]) -> None:
    folder, sources = batch
    cache = Cache(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarnings in third-party packages
        for source, key in sources:
            if (data := _compile(source)) is not None:
                cache.get_or_create_bytes(KIND, key, bytes(data).__bytes__)


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
