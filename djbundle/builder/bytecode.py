"""Compiles Python sources to ``.pyc`` files that never look for their source."""

import importlib.util
import os
import py_compile
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from djbundle.builder.cache import Cache, hash_of

BATCH = 100


class Source(NamedTuple):
    """A Python file and the name that tracebacks show for it."""

    path: Path
    shown: str


def compile_sources(sources: Iterable[Source], cache: Cache) -> dict[Source, Path]:
    """The ``.pyc`` of each source. A file that is not valid Python (a template, say) is left out, as pip does."""
    magic = importlib.util.MAGIC_NUMBER
    keys = {source: hash_of(source.path.read_bytes(), source.shown, magic) for source in sources}
    compiled = {source: path for source, key in keys.items() if (path := cache.find("pyc", key))}
    missing = [source for source in keys if source not in compiled]
    for source, data in _compile_in_parallel(missing):
        compiled[source] = cache.store("pyc", keys[source], lambda new, data=data: new.write_bytes(data) and None)
    return compiled


def _compile_in_parallel(sources: list[Source]) -> Iterable[tuple[Source, bytes]]:
    batches = [sources[at : at + BATCH] for at in range(0, len(sources), BATCH)]
    if not batches:
        return
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(batches))) as pool:
        for batch, results in zip(batches, pool.map(_compile_batch, batches), strict=True):
            yield from ((source, data) for source, data in zip(batch, results, strict=True) if data)


def _compile_batch(batch: list[Source]) -> list[bytes | None]:
    warnings.simplefilter("ignore")  # SyntaxWarnings of other people's packages
    return [_compile(source) for source in batch]


def _compile(source: Source) -> bytes | None:
    from tempfile import NamedTemporaryFile  # noqa: PLC0415 - in the worker process only

    with NamedTemporaryFile(suffix=".pyc") as target:
        try:
            py_compile.compile(
                str(source.path),
                cfile=target.name,
                dfile=source.shown,
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, ValueError):
            return None
        return Path(target.name).read_bytes()
