"""Each private name that djbundle uses exists, and no other one is used."""

import ast
import importlib
import importlib.metadata
import tomllib
from functools import reduce
from pathlib import Path

import nuitka
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import djbundle
from djbundle.builder import private_apis
from djbundle.builder.private_apis import NUITKA_FILES, PRIVATE_APIS, PrivateApi, check_private_apis
from djbundle.builder.project.installed import distribution
from djbundle.errors import UnsupportedVersionError

PACKAGE = Path(djbundle.__file__).parent
NAMES = [(each, name) for each in PRIVATE_APIS for name in each.names]
WATCHED = {each.distribution for each in PRIVATE_APIS}  # whose modules and distributions have the same name


@pytest.mark.parametrize(("api", "name"), NAMES, ids=lambda part: getattr(part, "module", part))
def test_the_name_exists(api: PrivateApi, name: str) -> None:
    reduce(getattr, name.split("."), importlib.import_module(api.module))


@pytest.mark.parametrize("api", PRIVATE_APIS, ids=lambda api: api.module)
def test_the_user_uses_it(api: PrivateApi) -> None:
    assert api.module in (PACKAGE / api.user).read_text()


@pytest.mark.parametrize(("folder", "user"), NUITKA_FILES.items())
def test_files_of_nuitka(folder: str, user: str) -> None:
    assert any((Path(nuitka.__file__).parent / folder).iterdir())
    assert (PACKAGE / user).is_file()


def test_each_import_is_in_the_table() -> None:
    """Names of modules that begin with an underscore, and all of packages whose private parts are used."""
    listed = {(each.module, name.split(".")[0]) for each, name in NAMES}
    imported = {
        (node.module, alias.name)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in WATCHED
        for alias in node.names
    }
    assert imported - listed == set()


def test_the_range_is_that_of_pyproject() -> None:
    metadata = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    requirements = {each.name: each for each in map(Requirement, metadata["project"]["dependencies"])}
    for each in PRIVATE_APIS:
        assert requirements[each.distribution].specifier == SpecifierSet(each.tried)


def test_what_is_installed_was_tried() -> None:
    check_private_apis()


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "granian-2.9.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: granian\nVersion: 2.9.0\n")
    other = importlib.metadata.Distribution.at(folder)
    monkeypatch.delenv(private_apis.UNTRIED_VARIABLE, raising=False)
    monkeypatch.setattr(private_apis, "distribution", lambda name: other if name == "granian" else distribution(name))
    with pytest.raises(UnsupportedVersionError, match=r"granian 2\.9\.0 was never tried") as refusal:
        check_private_apis()
    assert refusal.value.fix.endswith('"granian>=2.8.7,<2.9"')
