"""What a bundle is told of its project."""

from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

from djbundle.builder.contents.project_facts import project_facts
from djbundle.builder.core.tree import Tree


def facts_of(tree: Tree, compiled: dict[PurePosixPath, Path]) -> dict[str, Any]:
    project: Any = SimpleNamespace(name="shop", settings_variables=dict)
    facts: dict[str, Any] = {}
    exec(project_facts(project, tree, compiled), facts)
    return facts


def test_modules_at_the_top_make_no_name_of_the_folder(tmp_path: Path) -> None:
    """The settings of some projects lie beside manage.py. Their folder is the top of the tree itself."""
    tree = Tree(tmp_path)
    tree.empty |= {".", "shop/empty"}
    tree.add_text("notes.txt", "", "project")
    tree.add_text("django/__init__.pyc", "", "packages")
    facts = facts_of(tree, {PurePosixPath("settings.py"): tmp_path / "settings.py"})
    assert facts["PROJECT"] == ["notes.txt", "settings.py", "shop"]
    assert facts["COMPILED"] == {"settings": False}
    assert facts["DATA_VARIABLE"] == "DJBUNDLE_DATA_DIR_OF_shop"
