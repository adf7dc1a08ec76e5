"""Lays the tree out: the project's own files, the packages, the standard library, the static files."""

import gzip
import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path, PurePosixPath

import brotli
import zstandard

from djbundle.builder import compiler
from djbundle.builder.bytecode import Source, compile_sources
from djbundle.builder.cache import Cache, hash_of
from djbundle.builder.dependencies import Dependency
from djbundle.builder.nuitka import is_compiled
from djbundle.builder.project import Project
from djbundle.builder.tree import Part, Tree

STATIC_FOLDER = "_static"
LICENSES_FOLDER = "_licenses"
DYNAMIC_FOLDER = "lib-dynload"

SECRETS = (
    ".env",
    ".env.*",
    "*.pem",
    "*.key",
    "id_rsa*",
    "id_ed25519*",
    "*.p12",
    "*.pfx",
    ".netrc",
    ".pypirc",
)
DATABASES = ("*.sqlite3", "*.sqlite3-*", "*.sqlite", "*.db", "*.db-journal")
NOT_FOR_RUNNING = (
    "*.py",
    "*.pyc",
    "*.pyo",
    "*.pyi",
    "*.po",
    "*.pot",
    "*.c",
    "*.h",
    "*.pyx",
    "*.pxd",
    "*.a",
    "*.la",
    "*.o",
)
DEVELOPMENT = (
    ".gitignore",
    ".gitattributes",
    ".dockerignore",
    "Dockerfile",
    "Containerfile",
    "uv.lock",
    "poetry.lock",
)
STDLIB_TOOLS = frozenset(
    {"test", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "site-packages", "__pycache__",
     "lib-dynload", "pydoc_data", "venv", "msilib", "__phello__"}
)  # fmt: skip
STDLIB_TEST_EXTENSIONS = ("_test*", "xx*", "_tkinter*", "_ctypes_test*")
METADATA_LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")
COMPRESSIBLE = frozenset(
    [
        ".css",
        ".js",
        ".mjs",
        ".json",
        ".map",
        ".svg",
        ".html",
        ".txt",
        ".xml",
        ".webmanifest",
        ".wasm",
        ".ttf",
        ".otf",
        ".eot",
        ".ico",
        ".md",
        ".csv",
    ]
)
WORTH_KEEPING = 0.9  # a compressed copy that is not a tenth smaller is not worth a file


def add_project(tree: Tree, project: Project, cache: Cache, skipped_folders: Iterable[str]) -> None:
    """The project's files as ``COPY . .`` would bring them, less sources, tests, secrets and databases."""
    skipped = [path for path in skipped_folders if path]
    sources = []
    for path in project.files:
        if any(str(project.root / path).startswith(f"{folder}/") for folder in skipped):
            continue
        if path.suffix == ".py":
            if not is_compiled(path) and not _is_test(path):
                sources.append(Source(project.root / path, str(path)))
        elif not _is_left_out(path, project):
            tree.add(PurePosixPath(path), project.root / path, "project")
    _add_bytecode(tree, sources, cache, "project")


def compiled_sources(project: Project) -> list[Path]:
    """The modules that Nuitka compiles: those below the project's top-level packages, and modules beside them."""
    packages = {path.parts[0] for path in project.sources() if len(path.parts) == 2 and path.name == "__init__.py"}
    return [
        path
        for path in project.sources()
        if is_compiled(path)
        and all(part.isidentifier() for part in path.with_suffix("").parts)
        and (path.parts[0] in packages or (len(path.parts) == 1 and path.name not in ("manage.py", "setup.py")))
    ]


def _is_test(path: Path) -> bool:
    return any(part in ("tests", "conftest.py") for part in path.parts) or path.name.startswith(("test_", "tests.py"))


def _is_left_out(path: Path, project: Project) -> bool:
    patterns = (*SECRETS, *DATABASES, *NOT_FOR_RUNNING, *DEVELOPMENT)
    excluded = project.configuration.exclude
    return (
        any(fnmatch(path.name, pattern) for pattern in patterns)
        or "tests" in path.parts
        or any(fnmatch(str(path), pattern) or fnmatch(str(path), f"{pattern.rstrip('/')}/*") for pattern in excluded)
    )


def add_packages(
    tree: Tree, dependencies: list[Dependency], local: dict[str, Path], cache: Cache, loaded: set[str]
) -> None:
    """Every distribution and local package, sources as ``.pyc``, and djbundle's own runtime."""
    sources: list[Source] = []
    for dependency in dependencies:
        for name, path in _distribution_files(dependency.distribution):
            _add_file(tree, name, path, "packages", sources, loaded)
    for module, file in local.items():
        folder = file.parent if file.name == "__init__.py" else None
        for path in sorted(folder.rglob("*")) if folder else [file]:
            name = PurePosixPath(module, *path.relative_to(folder).parts) if folder else PurePosixPath(file.name)
            _add_file(tree, name, path, "packages", sources, loaded)
    for name, path in _runtime_files():
        _add_file(tree, name, path, "packages", sources, loaded)
    _add_bytecode(tree, sources, cache, "packages")
    tree.add(f"{LICENSES_FOLDER}/zstd.txt", compiler.zstd_sources() / "LICENSE.txt", "packages")


def _distribution_files(
    distribution: importlib.metadata.Distribution,
) -> Iterator[tuple[PurePosixPath, Path]]:
    for file in distribution.files or ():
        if not file.parts[0].startswith("..") and not file.is_absolute():
            yield PurePosixPath(file), Path(str(file.locate()))


def _runtime_files() -> Iterator[tuple[PurePosixPath, Path]]:
    """The half of djbundle that runs on a server."""
    package = Path(str(files("djbundle")))
    for name in ("__init__.py", "errors.py", "manifest.py"):
        yield PurePosixPath("djbundle", name), package / name
    for folder in ("runtime", "tasks"):
        for path in sorted((package / folder).rglob("*")):
            if path.name != "bootstrap.py":
                yield PurePosixPath("djbundle", *path.relative_to(package).parts), path


def _add_file(tree: Tree, name: PurePosixPath, path: Path, part: Part, sources: list[Source], loaded: set[str]) -> None:
    in_metadata = name.parts[0].endswith(".dist-info")
    if "__pycache__" in name.parts or not path.is_file() or (in_metadata and name.name in METADATA_LEFT_OUT):
        return
    if "tests" in name.parts and ".".join(name.with_suffix("").parts).removesuffix(".__init__") not in loaded:
        return
    if name.suffix == ".py":
        sources.append(Source(path, str(name)))
    elif not any(fnmatch(name.name, pattern) for pattern in NOT_FOR_RUNNING) and name.suffix != ".pth":
        tree.add(name, path, part)


def _add_bytecode(tree: Tree, sources: list[Source], cache: Cache, part: Part) -> None:
    for source, path in compile_sources(sources, cache).items():
        tree.add(PurePosixPath(source.shown).with_suffix(".pyc"), path, part)


def add_standard_library(tree: Tree, cache: Cache, extensions: Iterable[str]) -> None:
    """The whole standard library, less what can only serve development.

    `extensions` are the modules that the executable looks for at ``ROOT/<name>.so``; all others go to lib-dynload.
    """
    library = Path(sysconfig.get_path("stdlib"))
    sources = [
        Source(path, str(path.relative_to(library)))
        for path in sorted(library.rglob("*.py"))
        if not STDLIB_TOOLS & set(path.relative_to(library).parts) and "tests" not in path.parts
    ]
    _add_bytecode(tree, sources, cache, "python")
    dynamic = Path(sysconfig.get_config_var("DESTSHARED"))
    at_root = set(extensions)
    for path in sorted(dynamic.glob("*.so")):
        module = path.name.split(".")[0]
        if not any(fnmatch(module, pattern) for pattern in STDLIB_TEST_EXTENSIONS):
            tree.add(f"{module}.so" if module in at_root else f"{DYNAMIC_FOLDER}/{path.name}", path, "python")
    for path in (library / "LICENSE.txt", library.parent.parent / "LICENSE"):
        if path.is_file():
            tree.add(f"{LICENSES_FOLDER}/python.txt", path, "python")


def python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def add_static_files(tree: Tree, folder: Path, cache: Cache) -> None:
    """The collected static files, each with copies compressed as zstd, brotli and gzip where that pays."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = PurePosixPath(STATIC_FOLDER, *path.relative_to(folder).parts)
        tree.add(name, path, "static")
        if path.suffix in COMPRESSIBLE:
            for suffix, copy in _compressed_copies(path, cache):
                tree.add(f"{name}{suffix}", copy, "static")


def _compressed_copies(path: Path, cache: Cache) -> Iterator[tuple[str, Path]]:
    data = path.read_bytes()
    for suffix, compress in _ENCODERS.items():
        copy = cache.file(
            "static", hash_of(data, suffix), lambda new, pack=compress: new.write_bytes(pack(data)) and None
        )
        if 0 < copy.stat().st_size < len(data) * WORTH_KEEPING:
            yield suffix, copy


_ENCODERS = {
    ".zstd": lambda data: zstandard.ZstdCompressor(level=19).compress(data),
    ".br": lambda data: brotli.compress(data, quality=11),
    ".gz": lambda data: gzip.compress(data, 9, mtime=0),
}
