"""Translations that the project has only as sources: ``.po`` files without the ``.mo`` beside them that Django reads.

Many repositories ignore ``.mo`` files, and a developer who forgets ``compilemessages`` gets a site in one language.
"""

import io
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, PoFileParser

from djbundle.builder.contents.file_selection import FileSelection
from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Tree
from djbundle.errors import TranslationError

FOLDER = "LC_MESSAGES"  # of the files that gettext finds
KIND = "compiled"  # of cache entries
# The old text of an entry that is no longer used. gettext writes such lines, and Babel refuses them.
OBSOLETE_TEXT = re.compile(rb"^#~\|.*$", re.MULTILINE)
MAX_PLURALS = 6  # of any language

Headers = list[tuple[str, str]]


class LenientCatalog(Catalog):
    """A catalog that takes what gettext takes.

    The header stays as it is: Babel refuses dates and languages in it. A message may have more plural forms than the
    header says.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers: Headers = []

    @property
    def num_plurals(self) -> int:
        return MAX_PLURALS

    @property
    def mime_headers(self) -> Headers:
        return self.headers

    @mime_headers.setter
    def mime_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        self.headers = [*headers]
        self._set_mime_headers(each for each in self.headers if each[0].lower() == "content-type")

    def cut_plurals(self) -> None:
        """Cut the forms after the last one that is translated. A message without translation then has none."""
        for message in self:
            if isinstance(message.string, tuple):
                count = max((number for number, text in enumerate(message.string, 1) if text), default=0)
                message.string = message.string[:count]


def add_missing_translations(tree: Tree, selection: FileSelection, cache: Cache) -> None:
    """Compile each translation of the project that has no compiled file, and add it."""
    for path in missing_translations(selection):
        data = (selection.project.root / path).read_bytes()
        compiled = cache.get_or_create_bytes(KIND, hash_of("lenient translation", data), partial(_compile, path, data))
        tree.add(PurePosixPath(path.with_suffix(".mo")), compiled, "project")


def missing_translations(selection: FileSelection) -> Iterator[Path]:
    """Yield the sources of translations, relative to the project, beside which there is no compiled file."""
    project = selection.project
    for path in project.files:
        is_translation = path.suffix == ".po" and path.parent.name == FOLDER
        if is_translation and not project.configuration.excludes(path) and not _has_compiled(project.root / path):
            yield path


def _has_compiled(source: Path) -> bool:
    return source.with_suffix(".mo").exists()


def _compile(path: Path, data: bytes) -> bytes:
    """Return the compiled translation, without the entries that are marked as fuzzy, as msgfmt does."""
    compiled, catalog = io.BytesIO(), LenientCatalog()
    try:
        PoFileParser(catalog, ignore_obsolete=True, abort_invalid=True).parse(
            io.BytesIO(OBSOLETE_TEXT.sub(b"#~", data))
        )
        catalog.cut_plurals()
        write_mo(compiled, catalog)
    except (PoFileError, ValueError, LookupError) as error:
        raise TranslationError(
            f"{path} cannot be compiled: {' '.join(str(error).split())}",
            f"correct it, or leave it out:  --exclude {path}",
        ) from error
    return compiled.getvalue()
