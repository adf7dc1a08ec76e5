"""A translation of which the project has only the source is compiled; one that is compiled already stays as it is."""

import gettext
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.builder.contents.translations import add_missing_translations
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree
from djbundle.builder.project.configuration import Configuration
from djbundle.errors import TranslationError

SOURCE = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"PO-Revision-Date: 2017-10-28\\n"
"Language: de_DE@formal_1\\n"

msgctxt "of a shop"
msgid "Order"
msgstr "Bestellung"

msgid "%(count)s tree"
msgid_plural "%(count)s trees"
msgstr[0] "%(count)s Baum"
msgstr[1] "%(count)s Bäume"

msgid "%(count)s leaf"
msgid_plural "%(count)s leaves"
msgstr[0] "%(count)s Blatt"
msgstr[1] "%(count)s Blätter"
msgstr[2] "mehr Formen, als der Kopf nennt"

msgid "%(count)s root"
msgid_plural "%(count)s roots"
msgstr[0] ""
msgstr[1] ""

#, fuzzy
msgid "Guess"
msgstr "Vermutlich"

#, fuzzy
#~| msgid "An older text "
#~| "in two lines"
#~ msgid "An old text"
#~ msgstr "Ein alter Text"

msgid "After it"
msgstr "Danach"
"""
GERMAN, FRENCH = Path("locale/de/LC_MESSAGES/django.po"), Path("locale/fr/LC_MESSAGES/django.po")


class Roots(gettext.NullTranslations):
    def ngettext(self, *_: object) -> str:
        return "Wurzeln"


def compile_all(root: Path, *paths: Path, exclude: tuple[str, ...] = ()) -> Tree:
    """Return the tree with what was compiled of a project that has these files."""
    configuration = Configuration(exclude=[*exclude])
    selection: Any = SimpleNamespace(project=SimpleNamespace(root=root, files=paths, configuration=configuration))
    tree = Tree(root / "work")
    add_missing_translations(tree, selection, Cache(root / "cache"))
    return tree


def write(root: Path, path: Path, text: str = SOURCE) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_messages_plurals_and_contexts(tmp_path: Path) -> None:
    write(tmp_path, GERMAN)
    tree = compile_all(tmp_path, GERMAN)
    (file,) = tree
    assert file.name == str(GERMAN.with_suffix(".mo"))
    messages = gettext.GNUTranslations(io.BytesIO(file.source.read_bytes()))
    assert messages.pgettext("of a shop", "Order") == "Bestellung"
    assert messages.ngettext("%(count)s tree", "%(count)s trees", 2) == "%(count)s Bäume"
    assert messages.ngettext("%(count)s leaf", "%(count)s leaves", 7) == "%(count)s Blätter"
    assert messages.info()["plural-forms"] == "nplurals=2; plural=(n != 1);"
    messages.add_fallback(Roots())
    assert messages.ngettext("%(count)s root", "%(count)s roots", 2) == "Wurzeln", "another catalog may have it"
    assert messages.gettext("After it") == "Danach"
    assert messages.gettext("An old text") == "An old text"
    assert messages.gettext("Guess") == "Guess"  # a fuzzy entry does not count


def test_what_is_compiled_already_stays(tmp_path: Path) -> None:
    write(tmp_path, GERMAN)
    write(tmp_path, GERMAN.with_suffix(".mo"), "older")
    write(tmp_path, FRENCH)
    write(tmp_path, Path("notes/django.po"))  # no gettext looks there
    assert not [*compile_all(tmp_path, GERMAN, FRENCH, Path("notes/django.po"), exclude=("locale/fr/*",))]


def test_a_broken_source_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GERMAN)
    (tmp_path / GERMAN).write_bytes(SOURCE.encode("latin-1"))
    with pytest.raises(TranslationError, match=r"locale/de/LC_MESSAGES/django\.po cannot be compiled") as refusal:
        compile_all(tmp_path, GERMAN)
    assert refusal.value.fix.endswith(f"--exclude {GERMAN}")
