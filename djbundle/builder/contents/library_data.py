"""Add data files that system libraries read from a folder, which another machine may not have.

A library does not tell which files it will open, so this is a fixed list. Each entry has the environment variables that
tell the library another location.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from djbundle.builder.contents.fonts import add_fonts
from djbundle.builder.core.tree import Tree

FOLDER = "_data"
TEXT_WRITER = re.compile(r"libpango-")  # pango writes text; GDAL has fontconfig too, but writes none


@dataclass(frozen=True, slots=True)
class LibraryData:
    """The data of one library.

    `path` is its folder or file on Debian, Fedora and most others; `variables` name the location, from new to old.
    """

    library: str
    path: str
    variables: tuple[str, ...]

    def is_for(self, name: str) -> bool:
        return name == self.library or name.startswith(f"{self.library}.")


KNOWN_DATA = (
    LibraryData("libproj.so", "/usr/share/proj", ("PROJ_DATA", "PROJ_LIB")),  # proj.org/resource_files.html
    LibraryData("libgdal.so", "/usr/share/gdal", ("GDAL_DATA",)),  # gdal.org/user/configoptions.html
    LibraryData("libmagic.so", "/usr/share/misc/magic.mgc", ("MAGIC",)),  # libmagic(3)
)


def add_library_data(tree: Tree, loaded: Iterable[Path]) -> dict[str, str]:
    """Add the data of the `loaded` system libraries. Return a path, relative to the root, for each variable.

    Libraries from wheels bring their own data and know where it is.
    """
    paths: dict[str, str] = {}
    names = {path.name for path in loaded if path.is_relative_to("/usr/lib") or path.is_relative_to("/lib")}
    for data in KNOWN_DATA:
        source = Path(data.path)
        if not any(map(data.is_for, names)) or not source.exists():
            continue
        for path in source.rglob("*") if source.is_dir() else (source,):
            if path.is_file():
                tree.add(f"{FOLDER}/{path.relative_to(source.parent)}", path.resolve(), "libraries")
        paths |= dict.fromkeys(data.variables, f"{FOLDER}/{source.name}")
    return paths | (add_fonts(tree, f"{FOLDER}/fonts") if any(map(TEXT_WRITER.match, names)) else {})
