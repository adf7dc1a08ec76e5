"""The documents: each link leads somewhere, reference pages are as the code, and the README is read in minutes."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci import terminal

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
CODE = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
MAX_WORDS = 1000


def text_of(document: Path) -> str:
    return CODE.sub("", document.read_text())


def links_of(document: Path) -> Iterator[str]:
    """Yield the links that lead to this repository."""
    for match in LINK.finditer(text_of(document)):
        link = match[1] or match[2]
        if not link.startswith("http"):
            yield link


def anchors_of(document: Path) -> set[str]:
    """Return the anchors of the document's headings, as GitHub makes them."""
    headings = (re.sub(r"[^\w\- ]", "", match[1].lower()) for match in HEADING.finditer(text_of(document)))
    return {heading.replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in links_of(document):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


def test_documents_have_links() -> None:
    assert sum(len([*links_of(document)]) for document in DOCUMENTS) > 50


def test_reference_pages_are_written_from_the_code() -> None:
    command = [sys.executable, "-m", "ci.reference", "--check"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_terminal_is_drawn_from_its_run() -> None:
    assert terminal.PICTURE.read_text() == terminal.draw(json.loads(terminal.RECORDING.read_text()))


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().split()) < MAX_WORDS


@pytest.mark.parametrize("script", ["setup", "test", "demo", "docs"])
def test_scripts_say_what_they_do(script: str) -> None:
    """They print it at once, before they install anything."""
    result = subprocess.run([REPOSITORY / "ci" / script, "--help"], capture_output=True, text=True, check=True, cwd="/")
    assert (REPOSITORY / "ci" / script).read_text().splitlines()[1] == f"# {result.stdout.splitlines()[0]}"
    assert "set -euo" not in result.stdout
