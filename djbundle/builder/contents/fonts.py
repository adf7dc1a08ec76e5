"""Add fonts for sites that write documents with pango, as WeasyPrint does.

They are the fonts that the build machine uses for the generic families. A container made from scratch has no fonts, and
a document would have no text. The fonts of the machine that runs the bundle are found as well, and its own rules take
precedence; see fonts.conf(5).
"""

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from djbundle.builder.core.tree import Tree

LIBRARY = "libfontconfig.so.1"
VARIABLE = "FONTCONFIG_FILE"
GENERIC = ("sans-serif", "serif", "monospace")
STYLES = ("", ":bold", ":italic", ":bold:italic")
MATCH_PATTERN = 0  # FcMatchKind
CONFIGURATION = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">.</dir>
{aliases}
</fontconfig>
"""
ALIAS = "  <alias><family>{generic}</family><prefer><family>{family}</family></prefer></alias>"


class Font(NamedTuple):
    generic: str
    family: str
    file: Path


def add_fonts(tree: Tree, folder: str) -> dict[str, str]:
    """Add the fonts to a folder of the tree.

    Return the variable that names their configuration file, with the file's path in the tree.
    """
    fonts = list(default_fonts())
    for font in fonts:
        tree.add(f"{folder}/{font.file.name}", font.file, "libraries")
    families = {font.generic: font.family for font in reversed(fonts)}  # the first one wins, which is the plain style
    aliases = (ALIAS.format(generic=generic, family=escape(family)) for generic, family in families.items())
    name = f"{folder}/fonts.conf"
    tree.add_text(name, CONFIGURATION.format(aliases="\n".join(aliases)), "libraries")
    return {VARIABLE: name}


def default_fonts() -> Iterator[Font]:
    """Yield the font that fontconfig chooses on this machine for each generic family and style."""
    library = ctypes.CDLL(LIBRARY)
    library.FcNameParse.restype = library.FcFontMatch.restype = ctypes.c_void_p
    for generic in GENERIC:
        for style in STYLES:
            pattern = ctypes.c_void_p(library.FcNameParse(f"{generic}{style}".encode()))
            library.FcConfigSubstitute(None, pattern, MATCH_PATTERN)
            library.FcDefaultSubstitute(pattern)
            match = ctypes.c_void_p(library.FcFontMatch(None, pattern, ctypes.byref(ctypes.c_int())))
            if match:  # otherwise this machine has no fonts
                yield Font(generic, _text(library, match, b"family"), Path(_text(library, match, b"file")))


def _text(library: ctypes.CDLL, pattern: ctypes.c_void_p, name: bytes) -> str:
    value = ctypes.c_char_p()
    library.FcPatternGetString(pattern, name, 0, ctypes.byref(value))
    return (value.value or b"").decode()
