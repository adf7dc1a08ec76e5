"""The three sentences of the layout: who may import whom, and what of djbundle is in a bundle."""

import ast
import subprocess
from pathlib import Path

import pytest

import djbundle

PACKAGE = Path(djbundle.__file__).parent


def imports_of(path: Path) -> set[str]:
    """Every djbundle module that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "djbundle"}


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("runtime", ("djbundle.builder", "djbundle.cli")),
        ("builder", ("djbundle.runtime", "djbundle.tasks")),
        ("tasks", ("djbundle.builder", "djbundle.runtime", "djbundle.cli", "djbundle.manifest")),
    ],
)
def test_who_may_import_whom(folder: str, forbidden: tuple[str, ...]) -> None:
    files = list((PACKAGE / folder).rglob("*.py"))
    assert len(files) > 10
    for path in files:
        assert [name for name in imports_of(path) if name.startswith(forbidden)] == [], path


def test_bundle_holds_no_builder_and_no_sources(shop: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    environment = {"DJBUNDLE_EXTRACT": str(tree), "HOME": str(tmp_path)}
    subprocess.run([shop, "version"], env=environment, capture_output=True, check=True)
    names = [str(path.relative_to(tree)).partition("/")[2] for path in tree.rglob("*")]
    assert "djbundle/runtime/cli/main.pyc" in names
    assert "catalogue/migrations/0001_initial.pyc" in names
    assert [name for name in names if name.startswith(("djbundle/builder", "djbundle/cli", "nuitka/", "pip/"))] == []
    own = ("catalogue/", "orders/", "shop/")
    assert [name for name in names if name.endswith(".py")] == []
    assert [name for name in names if name.startswith(own) and name.endswith("views.pyc")] == []
    assert [name for name in names if "/tests/" in name and name.startswith(own)] == []
