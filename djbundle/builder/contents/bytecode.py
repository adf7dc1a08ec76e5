"""Compile Python sources to ``.pyc`` files that never look for their source."""

import ast
import hashlib
import importlib.util
import marshal
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from djbundle.builder.contents.ready_bytecode import ready_bytecode
from djbundle.builder.contents.uniform_bytecode import uniform_bytecode
from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Part, Tree
from djbundle.builder.dependencies.imports import BLOCKS
from djbundle.contract.layout import VIRTUAL_ROOT

BATCH = 200
KIND = "pyc"  # of cache entries
FORM = "uniform, no hash"  # of their code; it changes with what is done to it
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
UNCHECKED_HASH = 0b01  # flags of a .pyc file, PEP 552
NO_HASH = bytes(8)  # of the source; nothing checks it


class Source(NamedTuple):
    """A Python file, and its name in the tree."""

    path: Path
    name: str
    keeps_docstrings: bool = True
    keeps_columns: bool = False  # a traceback shows them if the source is in the bundle too
    shown_as: str = ""  # the path that tracebacks show, if that is not its path in the bundle
    takes_ready: bool = True  # whether bytecode of the environment goes in


def add_bytecode(tree: Tree, sources: Iterable[Source], cache: Cache, part: Part) -> None:
    """Add ``name.pyc`` for each source. Skip files that are not valid Python, such as templates, as pip does."""
    keyed = [(source, _key(source, cache)) for source in sources]
    paths = {key: path for _source, key in keyed if (path := cache.find(KIND, key))}
    missing = [(source, key) for source, key in keyed if key not in paths]
    for key, digest in _compile_in_parallel(missing, cache.folder):
        paths[key] = cache.path_of(KIND, key)
        cache.digests.learn(paths[key], digest)
    for source, key in keyed:
        if key in paths:
            tree.add(f"{source.name.removesuffix('.py')}.pyc", paths[key], part, executable=False)


def _key(source: Source, cache: Cache) -> str:
    kept = f"docstrings {source.keeps_docstrings}, columns {source.keeps_columns}"
    return hash_of(cache.digests.of(source.path), _path_in_bundle(source), kept, importlib.util.MAGIC_NUMBER, FORM)


def _compile_in_parallel(sources: list[tuple[Source, str]], folder: Path) -> Iterator[tuple[str, str]]:
    """Compile sources in all cores; each process stores its results in the cache itself.

    Yield the key and the digest of each result.
    """
    batches = [(folder, sources[at : at + BATCH]) for at in range(0, len(sources), BATCH)]
    if len(batches) == 1:
        yield from _compile_batch(batches[0])
    elif batches:
        with ProcessPoolExecutor(min(os.cpu_count() or 1, len(batches))) as pool:
            for digests in pool.map(_compile_batch, batches):
                yield from digests


def _compile_batch(batch: tuple[Path, list[tuple[Source, str]]]) -> list[tuple[str, str]]:
    folder, sources = batch
    cache, digests = Cache(folder), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarnings in third-party packages
        for source, key in sources:
            if (data := _compile(source)) is not None:
                cache.store(KIND, key, lambda path, data=data: path.write_bytes(data))  # type: ignore[misc]
                digests.append((key, hashlib.sha256(data).hexdigest()))
    return digests


def _path_in_bundle(source: Source) -> str:
    """Return the path of a source in the bundle.

    Tracebacks show it, and some packages look for files beside their caller's source.
    """
    return source.shown_as or f"{VIRTUAL_ROOT}/{source.name}"


def _compile(source: Source) -> bytes | None:
    text, path = source.path.read_bytes(), _path_in_bundle(source)
    data = ready_bytecode(source.path, text, path) if source.keeps_docstrings and source.takes_ready else None
    if data is None:
        try:
            module = text if source.keeps_docstrings else without_docstrings(text, path)
            code = compile(module, path, "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError):
            return None
        data = marshal.dumps(code)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little") + NO_HASH
    return header + uniform_bytecode(data, keeps_columns=source.keeps_columns)


def without_docstrings(text: bytes, name: str) -> ast.Module:
    """Return the syntax tree without docstrings, which only help() shows.

    They are a third of the text in a well-documented module. Parsing into objects takes twice as long as compiling the
    text.
    """
    module = ast.parse(text, name)
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, DOCUMENTED):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())) as docstring, *rest]:
                    node.body = rest or [ast.copy_location(ast.Pass(), docstring)]
        for field in BLOCKS:  # the only places of definitions: no expression has one
            waiting.extend(getattr(node, field, ()))
    return module
