"""No docstring is a fragment: those of functions begin with a verb, those of classes and properties with a noun.

Those of modules begin with either.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FOLDERS = ("ci", "djbundle")
CLAUSES = {"how", "if", "same", "that", "what", "when", "where", "whether", "which", "who", "why"}  # begin no sentence
NOT_A_VERB = {"a", "an", "and", "as", "for", "in", "of", "one", "only", "or", "the", "wants", "with"}  # of no function
PROPERTIES = {"property", "cached_property", "setter"}

type Documented = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def documented_in(source: str) -> Iterator[Documented]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Documented.__value__) and ast.get_docstring(node):
            yield node


def is_noun_phrase(node: Documented) -> bool:
    """Return whether the docstring may be a noun phrase: of a module, a class or a property."""
    if isinstance(node, ast.Module | ast.ClassDef):
        return True
    names = (each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in node.decorator_list)
    return not PROPERTIES.isdisjoint(names)


def fragments_in(source: str) -> Iterator[str]:
    """Yield the first lines of docstrings that begin with no subject or verb."""
    for node in documented_in(source):
        line = (ast.get_docstring(node) or "").splitlines()[0]
        excluded = CLAUSES if is_noun_phrase(node) else CLAUSES | NOT_A_VERB
        if line.split()[0].strip(".,:;").lower() in excluded:
            yield f"{getattr(node, 'name', 'module')}: {line}"


def test_no_docstring_is_a_fragment() -> None:
    sources = [path for folder in FOLDERS for path in sorted((REPOSITORY / folder).rglob("*.py"))]
    fragments = [
        f"{path.relative_to(REPOSITORY)}, {each}" for path in sources for each in fragments_in(path.read_text())
    ]
    assert len(sources) > 300
    assert fragments == []


@pytest.mark.parametrize(
    "source",
    [
        'def left(): "Whether time is left."',
        'async def left(): "The same, for another clock."',
        'def left(): "Wants the lock."',
        'class Plan: "What a version would migrate."',
        '"What a version would migrate."',
        'class Plan:\n    @property\n    def size(self): "How many it has."',
    ],
)
def test_a_fragment_is_found(source: str) -> None:
    assert [*fragments_in(source)]


@pytest.mark.parametrize(
    "source",
    [
        'def left(): "Return whether time is left."',
        'class Plan: "The migrations that a version would apply."',
        '"The migrations that a version would apply."',
        'class Plan:\n    @property\n    def size(self): "The number of its migrations."',
    ],
)
def test_a_sentence_is_no_fragment(source: str) -> None:
    assert not [*fragments_in(source)]
