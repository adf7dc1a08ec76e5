"""Compiles Python sources to ``.pyc`` files that never look for their source."""

import importlib.util
import os
import py_compile
import tempfile
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from djbundle.builder.cache import Cache, hash_of
from djbundle.builder.tree import Part, Tree

BATCH = 100


class Source(NamedTuple):
    """A Python file, and its name in the tree, which tracebacks show."""

    path: Path
    name: str


def add_bytecode(tree: Tree, sources: Iterable[Source], cache: Cache, part: Part) -> None:
    """Add ``name.pyc`` for each source; a file that is not valid Python (a template, say) is left out, as by pip."""
    magic = importlib.util.MAGIC_NUMBER
    keys = {source: hash_of(source.path.read_bytes(), source.name, magic) for source in sources}
    found = {source: cache.find("pyc", key) for source, key in keys.items()}
    for source, data in _compile_in_parallel([source for source in keys if not found[source]]):
        found[source] = cache.store_bytes("pyc", keys[source], bytes(data).__bytes__)
    for source, path in found.items():
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
    warnings.simplefilter("ignore")  # SyntaxWarnings of other people's packages
    with tempfile.TemporaryDirectory() as folder:
        return [_compile(source, Path(folder) / "new.pyc") for source in batch]


def _compile(source: Source, target: Path) -> bytes | None:
    try:
        py_compile.compile(
            str(source.path),
            cfile=str(target),
            dfile=source.name,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except (py_compile.PyCompileError, ValueError):
        return None
    return target.read_bytes()
