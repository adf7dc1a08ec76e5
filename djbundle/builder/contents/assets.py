"""Add the project's part of the tree: its data files, the modules that stay bytecode, and its static files."""

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import brotli
import zstandard

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.contents.selection import Decision, FileSelection
from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.modules import NOT_PACKAGES, Modules

STATIC_FOLDER = "_static"

COMPRESSIBLE = frozenset(
    (".css", ".js", ".mjs", ".json", ".map", ".svg", ".html", ".txt", ".xml", ".webmanifest", ".wasm", ".ttf", ".otf")
)
ZSTD = ".zstd"
HASH_IN_NAME = re.compile(r"\.[0-9a-f]{12}$")  # the hash of ManifestStaticFilesStorage, at the end of a stem
ONE_PACKET = 1400  # bytes; a file that fits into one packet arrives no sooner if compressed
WORTH_KEEPING = 0.9  # a compressed copy must be at least a tenth smaller


def add_project(tree: Tree, selection: FileSelection, compiled: Modules, cache: Cache) -> None:
    """Add the project's files that selection.py chose; `compiled` modules are in the executable already.

    Sources go in as files too: tracebacks show their lines, and code may look for modules in a folder. With `protect`,
    only those go in that the start reads.
    """
    project, sources = selection.project, []
    tree.empty |= {str(path.parent) for path in compiled}  # code may look at ``Path(__file__).parent``
    for path in selection.taken:
        file = project.root / path
        if path.suffix != ".py" or not project.configuration.protect or str(file) in selection.opened:
            tree.add(PurePosixPath(path), file, "project")
        if path.suffix == ".py" and PurePosixPath(path) not in compiled and path.name not in NOT_PACKAGES:
            sources.append(Source(file, str(path)))
    add_bytecode(tree, sources, cache, "project")
    tree.links |= {str(path): target for path, target in project.links.items() if selection.takes_link(path)}


def add_static_files(tree: Tree, folder: Path, left_out: Iterable[Decision], cache: Cache) -> None:
    """Add the collected static files, each with zstd, brotli and gzip copies where that pays.

    A file with a minified twin is for development, and gets only the zstd copy, which takes no room.
    """
    left_out_names = {each.path for each in left_out}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if str(path.relative_to(folder)) in left_out_names:
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
        if suffix != ZSTD and _has_minified(path):  # browsers get the minified file; a zstd copy takes no room
            continue
        copy = cache.get_or_create_bytes("static", hash_of(data, suffix), partial(compress, data))
        if copy.stat().st_size < len(data) * WORTH_KEEPING:
            yield suffix, copy


def _has_minified(path: Path) -> bool:
    """Return whether ``jquery.min.js`` stands beside ``jquery.js``, or beside ``jquery.12e87d2f3a4c.js``."""
    plain = HASH_IN_NAME.sub("", path.stem)
    return path.with_name(f"{plain}.min{path.suffix}").exists()


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(data)


def _brotli(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=11))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {ZSTD: _zstd, ".br": _brotli, ".gz": _gzip}  # suffixes of servestatic
