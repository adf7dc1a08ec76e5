"""The project's own share of the tree: its data files, the modules that stay bytecode, and its static files."""

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath

import brotli
import zstandard

from djbundle.builder.bytecode import Source, add_bytecode
from djbundle.builder.cache import Cache, hash_of
from djbundle.builder.inspection import Inspection
from djbundle.builder.modules import NOT_PACKAGES, Modules, is_test
from djbundle.builder.project import Project
from djbundle.builder.tree import Tree

STATIC_FOLDER = "_static"

SECRETS = (
    *(".env", ".env.*", ".secret*", ".htpasswd", ".netrc", ".pgpass", ".pypirc", "id_rsa*", "id_ed25519*"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx"),
)
DATABASES = ("*.sqlite3", "*.sqlite3-*", "*.sqlite", "*.db", "*.db-journal")
SOURCES = ("*.py", "*.py[cod]", "*.pyi", "*.po", "*.pot", "*.c", "*.h", "*.pyx", "*.pxd", "*.a", "*.la", "*.o")
DEVELOPMENT = (".git*", ".dockerignore", "Dockerfile", "Containerfile", "uv.lock", "poetry.lock")
NOT_DATA = (*SECRETS, *DATABASES, *SOURCES, *DEVELOPMENT)
COMPRESSIBLE = frozenset(
    (".css", ".js", ".mjs", ".json", ".map", ".svg", ".html", ".txt", ".xml", ".webmanifest", ".wasm", ".ttf", ".otf")
)
ZSTD = ".zstd"
HASH_IN_NAME = re.compile(r"\.[0-9a-f]{12}$")  # of ManifestStaticFilesStorage, at the end of a stem
ONE_PACKET = 1400  # bytes; what fits into one arrives no sooner for being smaller
WORTH_KEEPING = 0.9  # a compressed copy that is not a tenth smaller is not worth a file


def add_project(tree: Tree, project: Project, compiled: Modules, inspection: Inspection, cache: Cache) -> None:
    """The project's files as ``COPY . .`` would bring them, less sources, tests, secrets, databases and uploads.

    `compiled` modules are in the executable. A source that the project has read as a file is there as one too.
    """
    bytecode, read = [], inspection.read_as_data()
    tree.empty |= {str(path.parent) for path in compiled}  # ``Path(__file__).parent`` is looked at
    for path in _kept_files(project, [inspection.media_root, inspection.static_root]):
        source = project.root / path
        if path.suffix != ".py" or str(source) in read:
            tree.add(PurePosixPath(path), source, "project")
        if path.suffix == ".py" and PurePosixPath(path) not in compiled and path.name not in NOT_PACKAGES:
            bytecode.append(Source(source, str(path)))
    add_bytecode(tree, bytecode, cache, "project")
    for path, target in project.links.items():
        if not _matches(path.name, NOT_DATA) and not project.configuration.excludes(path):
            tree.links[str(path)] = target


def _kept_files(project: Project, left_out: Iterable[str]) -> Iterator[Path]:
    """Data and sources that a running site may read; `left_out` are absolute folders."""
    folders = tuple(f"{folder.rstrip('/')}/" for folder in left_out if folder)
    # The data of tests stay out as well. Templates may lie in a folder of that name, so only one with sources counts.
    tests = {parent for path in project.sources() for parent in path.parents if parent.name == "tests"}
    for path in project.files:
        unwanted = is_test(path) if path.suffix == ".py" else _matches(path.name, NOT_DATA)
        if unwanted or not tests.isdisjoint(path.parents) or project.configuration.excludes(path):
            continue
        if not str(project.root / path).startswith(folders):
            yield path


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def add_static_files(tree: Tree, folder: Path, cache: Cache) -> None:
    """The collected static files, each with copies compressed as zstd, brotli and gzip where that pays.

    A file that has a minified twin is for developing, and has no copies that take room.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
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
