"""Changes modules of the standard library right after their import, as the module ``_changes``.

They would not work as usual in a bundle: where compiled modules have no files, and the machine has no libraries or
authorities of its own. This file runs before anything else is imported, as finders.py does.
"""

import sys
from importlib.machinery import FileFinder

TYPE_CHECKING = False  # as typing has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from djbundle.runtime.start.finders import ROOT, CompiledFinder
else:
    from _finders import ROOT, CompiledFinder


def list_compiled_modules() -> None:
    """Make ``pkgutil.iter_modules`` list compiled modules too. Django uses it to find template tags and commands."""
    import pkgutil  # noqa: PLC0415 - it has just been imported

    list_files = pkgutil.iter_importer_modules.dispatch(FileFinder)  # type: ignore[attr-defined]

    def list_modules(finder: FileFinder, prefix: str = "") -> "Iterator[tuple[str, bool]]":
        modules = dict(list_files(finder, prefix))
        if f"{finder.path}/".startswith(f"{ROOT}/"):
            package = finder.path[len(ROOT) + 1 :].replace("/", ".")
            modules |= dict(CompiledFinder.modules_in(package, prefix))
        return iter(sorted(modules.items()))

    pkgutil.iter_importer_modules.register(FileFinder, list_modules)  # type: ignore[attr-defined]


def find_own_libraries() -> None:
    """Make ``ctypes.util.find_library`` find the libraries of the bundle, and no others.

    The machine's own libraries are built for its own libc, and another machine may have none, or others.
    """
    import os  # noqa: PLC0415 - ctypes.util has it

    from djbundle.contract.layout import LIBRARIES  # noqa: PLC0415 - packages cannot be imported earlier

    def find_library(name: str) -> str | None:
        known = sorted(os.listdir(f"{ROOT}/{LIBRARIES}"))  # noqa: PTH208 - pathlib takes milliseconds to import
        return next((file for file in known if f"{file}.".startswith(f"lib{name}.so.")), None)

    sys.modules["ctypes.util"].find_library = find_library  # type: ignore[attr-defined]


def resolve_compiled_modules() -> None:
    """Let settings resolve their ``__file__`` strictly, though a compiled module has no file."""
    import os  # noqa: PLC0415 - pathlib has it

    resolve = os.path.realpath

    def realpath(filename: "Any", *, strict: bool = False) -> "Any":
        path = os.fspath(filename)
        if strict and isinstance(path, str) and path.startswith(f"{ROOT}/") and path.endswith(".py"):
            strict = False
        return resolve(filename, strict=strict)

    os.path.realpath = realpath  # type: ignore[assignment]


def trust_authorities() -> None:
    """Make OpenSSL find the certificates of authorities on this machine, or else in the bundle."""
    from djbundle.runtime.core.authorities import find_authorities  # noqa: PLC0415 - where TLS is spoken

    paths = sys.modules["ssl"].get_default_verify_paths()
    find_authorities(paths.openssl_cafile, paths.openssl_capath, f"{ROOT}/certifi/cacert.pem")


# The function to call after a module of that name is imported.
CHANGES = {
    "ssl": trust_authorities,
    "pathlib": resolve_compiled_modules,
    "pkgutil": list_compiled_modules,
    "ctypes.util": find_own_libraries,
}
