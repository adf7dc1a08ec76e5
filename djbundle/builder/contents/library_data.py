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
WRITER = re.compile(r"libpango-")  # pango writes text; GDAL has fontconfig too, but writes none


@dataclass(frozen=True, slots=True)
class Rule:
    """The data of one library.

    `place` is its folder or file on Debian, Fedora and most others; `variables` name the location, from new to old.
    """

    library: str
    place: str
    variables: tuple[str, ...]

    def is_for(self, name: str) -> bool:
        return name == self.library or name.startswith(f"{self.library}.")


RULES = (
    Rule("libproj.so", "/usr/share/proj", ("PROJ_DATA", "PROJ_LIB")),  # proj.org/resource_files.html
    Rule("libgdal.so", "/usr/share/gdal", ("GDAL_DATA",)),  # gdal.org/user/configoptions.html
    Rule("libmagic.so", "/usr/share/misc/magic.mgc", ("MAGIC",)),  # libmagic(3)
)


def add_library_data(tree: Tree, loaded: Iterable[Path]) -> dict[str, str]:
    """Add the data of the `loaded` system libraries. Return a path, relative to the root, for each variable.

    Libraries from wheels bring their own data and know where it is.
    """
    found: dict[str, str] = {}
    names = {path.name for path in loaded if path.is_relative_to("/usr/lib") or path.is_relative_to("/lib")}
    for rule in RULES:
        place = Path(rule.place)
        if not any(map(rule.is_for, names)) or not place.exists():
            continue
        for path in place.rglob("*") if place.is_dir() else (place,):
            if path.is_file():
                tree.add(f"{FOLDER}/{path.relative_to(place.parent)}", path.resolve(), "libraries")
        found |= dict.fromkeys(rule.variables, f"{FOLDER}/{place.name}")
    return found | (add_fonts(tree, f"{FOLDER}/fonts") if any(map(WRITER.match, names)) else {})
