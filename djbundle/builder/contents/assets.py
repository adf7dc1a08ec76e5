"""The project's own share of the tree: its data files, the modules that stay bytecode, and its static files."""

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import brotli
import zstandard

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.contents.selection import Contents, Decision
from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.modules import NOT_PACKAGES, Modules

STATIC_FOLDER = "_static"

COMPRESSIBLE = frozenset(
    (".css", ".js", ".mjs", ".json", ".map", ".svg", ".html", ".txt", ".xml", ".webmanifest", ".wasm", ".ttf", ".otf")
)
ZSTD = ".zstd"
HASH_IN_NAME = re.compile(r"\.[0-9a-f]{12}$")  # of ManifestStaticFilesStorage, at the end of a stem
ONE_PACKET = 1400  # bytes; what fits into one arrives no sooner for being smaller
WORTH_KEEPING = 0.9  # a compressed copy that is not a tenth smaller is not worth a file


def add_project(tree: Tree, contents: Contents, compiled: Modules, cache: Cache) -> None:
    """The project's files that are wanted (selection.py); `compiled` modules are in the executable.

    A source that the project has read as a file is there as one too.
    """
    project, bytecode = contents.project, []
    tree.empty |= {str(path.parent) for path in compiled}  # ``Path(__file__).parent`` is looked at
    for path in contents.taken:
        source = project.root / path
        if path.suffix != ".py" or str(source) in contents.opened:
            tree.add(PurePosixPath(path), source, "project")
        if path.suffix == ".py" and PurePosixPath(path) not in compiled and path.name not in NOT_PACKAGES:
            bytecode.append(Source(source, str(path)))
    add_bytecode(tree, bytecode, cache, "project")
    tree.links |= {str(path): target for path, target in project.links.items() if contents.takes_link(path)}


def add_static_files(tree: Tree, folder: Path, left_out: Iterable[Decision], cache: Cache) -> None:
    """The collected static files, each with copies compressed as zstd, brotli and gzip where that pays.

    A file that has a minified twin is for developing, and has no copies that take room.
    """
    unwanted = {each.path for each in left_out}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if str(path.relative_to(folder)) in unwanted:
            continue
        name = PurePosixPath(STATIC_FOLDER, *path.relative_to(folder).parts)
        tree.add(name, path, "static")
        if path.suffix in COMPRESSIBLE and path.stat().st_size > ONE_PACKET:
            for suffix, copy in _compressed_copies(path, cache):
                tree.add(f"{name}{suffix}", copy, "static")
                if suffix == ZSTD:
                    tree.frames[str(name)] = f"{name}{suffix}"


def _compressed_copies(path: Path, cache: Cache) -> Iterator[tuple[str, Path]]:
    data = path.read_bytes()
    for suffix, compress in ENCODERS.items():
        if suffix != ZSTD and _has_minified(path):  # which is what browsers get; a zstd copy takes no room
            continue
        copy = cache.store_bytes("static", hash_of(data, suffix), partial(compress, data))
        if copy.stat().st_size < len(data) * WORTH_KEEPING:
            yield suffix, copy


def _has_minified(path: Path) -> bool:
    """Whether ``jquery.min.js`` stands beside ``jquery.js``, or ``jquery.12e87d2f3a4c.js``."""
    plain = HASH_IN_NAME.sub("", path.stem)
    return path.with_name(f"{plain}.min{path.suffix}").exists()


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(data)


def _brotli(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=11))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {ZSTD: _zstd, ".br": _brotli, ".gz": _gzip}  # servestatic's names
