"""Libraries that use others without naming them, and count on whoever loads both, as HDF4's do for GDAL.

The loader finds a symbol in all that one dlopen(3) brings along. The bundle loads each library before those that need
it (vfs/library.c), so there it must name all that it uses.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from djbundle.builder.native import elf

Needs = dict[str, dict[str, str]]  # by the names of two files in the tree: by which soname


def complete(needs: Needs, files: dict[str, Path], folder: str, program: str) -> dict[str, list[str]]:
    """Add to `needs` what libraries in `folder` of the tree do not name; the sonames that are new, by file.

    What `program` brings along is there for all.
    """
    symbols = {
        name: elf.read_symbols(files[name]) for name in needs if name.startswith(f"{folder}/") or name == program
    }
    everywhere = _defined(closure([program], needs), symbols)
    new: dict[str, list[str]] = {}
    for name in sorted(symbols.keys() - {program}):
        missing = symbols[name].undefined - everywhere - _defined(closure([name], needs), symbols)
        for other in _beside(name, needs) if missing else ():
            if other in symbols and missing & symbols[other].defined:
                soname = elf.read_dynamic(files[other]).soname or Path(other).name
                needs[name][other] = soname
                new.setdefault(name, []).append(soname)
                missing -= symbols[other].defined
    return new


def _beside(name: str, needs: Needs) -> Iterator[str]:
    """What those that need `name` need too."""
    for parent in sorted(needs):
        if name in needs[parent]:
            yield from sorted(needs[parent].keys() - {name})


def closure(names: Iterable[str], needs: Needs) -> set[str]:
    """`names`, and all that they need, directly and indirectly."""
    found = set(names)
    waiting = list(found)
    while waiting:
        new = needs[waiting.pop()].keys() - found
        found |= new
        waiting += new
    return found


def _defined(names: set[str], symbols: dict[str, elf.Symbols]) -> set[str]:
    return set().union(*(symbols[name].defined for name in names if name in symbols))
