"""Add the project's part of the tree: its data files, the modules that stay bytecode, and its static files."""

import gzip
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import brotli

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.contents.file_selection import Decision, FileSelection
from djbundle.builder.contents.translations import add_missing_translations
from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.modules import NOT_PACKAGES, Modules
from djbundle.common import zstd

STATIC_FOLDER = "_static"

COMPRESSIBLE = frozenset(
    (".css", ".js", ".mjs", ".json", ".map", ".svg", ".html", ".txt", ".xml", ".webmanifest", ".wasm", ".ttf", ".otf")
)
ZSTD = ".zstd"
HASH_IN_NAME = re.compile(r"\.[0-9a-f]{12}$")  # the hash of ManifestStaticFilesStorage, at the end of a stem
ONE_PACKET = 1400  # bytes; a file that fits into one packet arrives no sooner if compressed
WORTH_KEEPING = 0.9  # a compressed copy must be at least a tenth smaller


def add_project(tree: Tree, selection: FileSelection, compiled: Modules, cache: Cache) -> None:
    """Add the project's files that file_selection.py chose; `compiled` modules are in the executable already.

    Sources go in as files too: tracebacks show their lines, and code may look for modules in a folder. With `protect`,
    only sources that the start reads go in.
    """
    project, sources = selection.project, []
    # Code may look at ``Path(__file__).parent``, or list a folder that it expects.
    tree.empty |= {str(path.parent) for path in compiled} | selection.kept_folders
    for path in selection.taken:
        file = project.root / path
        goes_in = path.suffix != ".py" or not project.configuration.protect or str(file) in selection.opened
        if goes_in:
            tree.add(PurePosixPath(path), file, "project")
        if path.suffix == ".py" and PurePosixPath(path) not in compiled and path.name not in NOT_PACKAGES:
            sources.append(Source(file, str(path), keeps_columns=goes_in))
    add_bytecode(tree, sources, cache, "project")
    add_missing_translations(tree, selection, cache)
    tree.links |= {str(path): target for path, target in project.links.items() if selection.takes_link(path)}


def add_static_files(tree: Tree, folder: Path, left_out: Iterable[Decision], cache: Cache) -> None:
    """Add the collected static files, each with zstd, brotli and gzip copies where that pays.

    A file with a minified twin is for development, and gets only the zstd copy, which takes no room.
    """
    left_out_names = {each.path for each in left_out}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    paths = [path for path in paths if str(path.relative_to(folder)) not in left_out_names]
    compressible = [path for path in paths if path.suffix in COMPRESSIBLE and path.stat().st_size > ONE_PACKET]
    copies = _compressed_copies(compressible, cache)
    for path in paths:
        name = PurePosixPath(STATIC_FOLDER, *path.relative_to(folder).parts)
        tree.add(name, path, "static")
        for suffix, copy in copies.get(path, ()):
            tree.add(f"{name}{suffix}", copy, "static")
            if suffix == ZSTD:
                tree.frames[str(name)] = f"{name}{suffix}"


def _compressed_copies(paths: list[Path], cache: Cache) -> dict[Path, list[tuple[str, Path]]]:
    """Return the copies of each file that are worth keeping, with their suffixes.

    Files with the same content, as under a name with a hash and one without, are compressed once.
    """
    wanted = {
        path: [suffix for suffix in ENCODERS if suffix == ZSTD or not _has_minified(path)] for path in paths
    }  # browsers get the minified file; a zstd copy takes no room
    digests = {path: cache.digests.of(path) for path in paths}
    sources = {(digests[path], suffix): path for path, suffixes in wanted.items() for suffix in suffixes}

    def compress(item: tuple[tuple[str, str], Path]) -> Path:
        (digest, suffix), path = item
        return cache.get_or_create_bytes("static", hash_of(digest, suffix), lambda: ENCODERS[suffix](path.read_bytes()))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        copies = dict(zip(sources, pool.map(compress, sources.items()), strict=True))
    return {
        path: [(suffix, copy) for suffix in suffixes if _is_smaller(copy := copies[digests[path], suffix], path)]
        for path, suffixes in wanted.items()
    }


def _is_smaller(copy: Path, path: Path) -> bool:
    return copy.stat().st_size < path.stat().st_size * WORTH_KEEPING


def _has_minified(path: Path) -> bool:
    """Return whether ``jquery.min.js`` stands beside ``jquery.js``, or beside ``jquery.12e87d2f3a4c.js``."""
    plain = HASH_IN_NAME.sub("", path.stem)
    return path.with_name(f"{plain}.min{path.suffix}").exists()


def _zstd(data: bytes) -> bytes:
    return zstd.compress(data, level=19)


def _brotli(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=11))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {ZSTD: _zstd, ".br": _brotli, ".gz": _gzip}  # suffixes of servestatic
