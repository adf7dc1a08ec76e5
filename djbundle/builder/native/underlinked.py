"""Complete the needs of libraries that use other libraries without naming them, as HDF4's do for GDAL.

Such a library relies on its user to load the others. The loader finds a symbol in all libraries that one dlopen(3)
loads. But the bundle loads each library before those that need it (vfs/library.c), so each must name all libraries that
it uses.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from djbundle.builder.native import elf

Needs = dict[str, dict[str, str]]  # Needs[file][library] is the soname; both are names in the tree


def add_missing_needs(needs: Needs, files: dict[str, Path], folder: str, program: str) -> dict[str, list[str]]:
    """Add to `needs` the libraries that libraries in `folder` of the tree use but do not name.

    Return the new sonames by file. Libraries that `program` loads are available to all.
    """
    symbols = {
        name: elf.read_symbols(files[name]) for name in needs if name.startswith(f"{folder}/") or name == program
    }
    everywhere = _defined(closure([program], needs), symbols)
    new: dict[str, list[str]] = {}
    for name in sorted(symbols.keys() - {program}):
        missing = symbols[name].undefined - everywhere - _defined(closure([name], needs), symbols)
        for other in _siblings(name, needs) if missing else ():
            if other in symbols and missing & symbols[other].defined:
                soname = elf.read_dynamic(files[other]).soname or Path(other).name
                needs[name][other] = soname
                new.setdefault(name, []).append(soname)
                missing -= symbols[other].defined
    return new


def _siblings(name: str, needs: Needs) -> Iterator[str]:
    """Yield the libraries that users of `name` also need."""
    for parent in sorted(needs):
        if name in needs[parent]:
            yield from sorted(needs[parent].keys() - {name})


def closure(names: Iterable[str], needs: Needs) -> set[str]:
    """Return `names` and all that they need, directly or indirectly."""
    closed = set(names)
    waiting = list(closed)
    while waiting:
        new = needs[waiting.pop()].keys() - closed
        closed |= new
        waiting += new
    return closed


def _defined(names: set[str], symbols: dict[str, elf.Symbols]) -> set[str]:
    return set().union(*(symbols[name].defined for name in names if name in symbols))
