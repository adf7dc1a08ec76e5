"""Translations that the project has only as sources: ``.po`` files without the ``.mo`` beside them that Django reads.

Many repositories ignore ``.mo`` files, and a developer who forgets ``compilemessages`` gets a site in one language.
"""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from djbundle.builder.contents.file_selection import FileSelection
from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Tree
from djbundle.errors import TranslationError

FOLDER = "LC_MESSAGES"  # of the files that gettext finds
KIND = "compiled"  # of cache entries


def add_missing_translations(tree: Tree, selection: FileSelection, cache: Cache) -> None:
    """Compile each translation of the project that has no compiled file, and add it."""
    for path in missing_translations(selection):
        data = (selection.project.root / path).read_bytes()
        compiled = cache.get_or_create_bytes(KIND, hash_of("translation", data), partial(_compile, path, data))
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
    compiled = io.BytesIO()
    try:
        write_mo(compiled, read_po(io.BytesIO(data), abort_invalid=True))
    except (PoFileError, ValueError, LookupError) as error:
        raise TranslationError(
            f"{path} cannot be compiled: {' '.join(str(error).split())}",
            f"correct it, or leave it out:  --exclude {path}",
        ) from error
    return compiled.getvalue()
