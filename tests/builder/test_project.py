"""A project is found, and its pyproject.toml is read."""

import re
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from djbundle.builder import versions
from djbundle.builder.contents.assets import add_project
from djbundle.builder.contents.file_selection import FileSelection
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree
from djbundle.builder.project import python_version
from djbundle.builder.project.configuration import Configuration, read_pyproject
from djbundle.builder.project.project import find_project
from djbundle.builder.versions import check_versions
from djbundle.contract.file_format import FOOTER_SIZE, MAGIC
from djbundle.errors import ConfigurationError, UnsupportedVersionError
from tests.conftest import REPOSITORY

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'

# A key for key agreement, not for signatures.
X25519 = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEAunqrrgLChKUDy2bJ+XIk9j3SUIkKVNu37VzqTfVOjG0=
-----END PUBLIC KEY-----"""


def make(folder: Path, **files: str) -> Path:
    """Write a project of these files; __ stands for a slash."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_toml", ".toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_command_line_goes_first(tmp_path: Path) -> None:
    make(tmp_path, manage_py=MANAGE, pyproject_toml='[tool.djbundle]\nname = "one"\nsettings = "one.settings"\n')
    project = find_project(tmp_path, settings="two.settings", name="two")
    assert (project.settings_module, project.name) == ("two.settings", "two")
    assert find_project(tmp_path, settings=None, name=None).settings_module == "one.settings"


def test_virtual_environments_are_no_part(tmp_path: Path) -> None:
    make(tmp_path, manage_py=MANAGE, _venv__lib__x_py="(", node_modules__x_py="(", app__models_py="")
    (tmp_path / "_venv").rename(tmp_path / ".venv")
    names = [str(path) for path in find_project(tmp_path, settings=None, name=None).files]
    assert names == ["app/models.py", "manage.py"]


def test_virtual_environment_of_any_name(tmp_path: Path) -> None:
    make(tmp_path, manage_py=MANAGE, python3__lib__x_py="(", python3__pyvenv="", app__models_py="")
    (tmp_path / "python3" / "pyvenv").rename(tmp_path / "python3" / "pyvenv.cfg")
    names = [str(path) for path in find_project(tmp_path, settings=None, name=None).files]
    assert names == ["app/models.py", "manage.py"]


def test_version_is_the_projects_or_the_commit(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        author = ("-c", "user.name=a", "-c", "user.email=a@localhost")
        command: list[str | Path] = ["git", "-C", tmp_path, *author, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def version_and_commit() -> tuple[str, str | None]:
        project = find_project(tmp_path, settings=None, name=None)
        return project.version, project.commit

    make(tmp_path, manage_py=MANAGE, shop__settings_py="")
    assert version_and_commit() == ("0", None)
    git("init", "--quiet")
    assert version_and_commit() == ("0", None), "there is no commit yet"
    git("add", ".")
    git("commit", "--quiet", "--message", "a")
    commit = git("rev-parse", "HEAD")
    assert version_and_commit() == (commit[:7], commit)
    make(tmp_path, manage_py=f"{MANAGE}\n")
    assert version_and_commit() == (f"{commit[:7]}+dirty", f"{commit}+dirty")
    make(tmp_path, pyproject_toml='[project]\nname = "shop"\nversion = "2"\n')
    assert version_and_commit() == ("2", f"{commit}+dirty")


@pytest.mark.parametrize("with_git", [True, False])
def test_bundles_that_were_built_before_are_no_part(tmp_path: Path, with_git: bool) -> None:
    make(tmp_path, manage_py=MANAGE, dist__shop="", dist__app_toml="x = 1", _djbundle="")
    (tmp_path / "_djbundle").rename(tmp_path / "dist" / ".djbundle-unfinished")
    bundle = tmp_path / "dist" / "shop"
    bundle.write_bytes(b"launcher" + MAGIC.ljust(FOOTER_SIZE, b"."))
    bundle.chmod(0o755)
    if with_git:
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    names = [str(path) for path in find_project(tmp_path, settings=None, name=None).files]
    assert names == ["dist/app.toml", "manage.py"]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("[tool.djbundle]\nincldue = []", 'write "include"'),
        (
            "[tool.djbundle]\nzzz = 1",
            "use one of: name, settings, include, exclude, compile, bytecode, protect, before, signer, tls",
        ),
        ('[tool.djbundle]\ninclude = "x"', 'write include = ["..."]'),
        ("[tool.djbundle]\nname = 3", 'write name = "..."'),
        ('[tool.djbundle]\ntls = "no"', "write tls = false"),
        ("[tool.djbundle]\ntls = 0", "write tls = false"),
        ("[tool.djbundle", "correct "),
    ],
)
def test_mistakes_in_pyproject(tmp_path: Path, text: str, fix: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_pyproject(make(tmp_path, pyproject_toml=text))
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        (None, "is not a file with a public key"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----", "is a private key"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", "is not a public key in PEM"),
        ("-----BEGIN PUBLIC KEY-----\nMFk*\n-----END PUBLIC KEY-----", "is not a public key in PEM"),
        ("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----", "is not a public key in PEM"),
        (X25519, "is a key that cannot sign files"),
    ],
)
def test_signer_that_is_none(tmp_path: Path, key: str | None, cause: str) -> None:
    folder = make(tmp_path, pyproject_toml='[tool.djbundle]\nsigner = "deploy.pub"')
    if key:
        (folder / "deploy.pub").write_text(key)
    with pytest.raises(ConfigurationError, match=cause) as caught:
        read_pyproject(folder)
    assert "MHc" not in str(caught.value)


def test_exclude_takes_files_and_folders() -> None:
    configuration = Configuration(exclude=["docs/", "*.psd", "PIL/_avif*"])
    excluded = [Path("docs/a/b.txt"), Path("art/logo.psd"), Path("PIL/_avif.cpython-313-x86_64-linux-gnu.so")]
    assert all(configuration.excludes(path) for path in excluded)
    assert not any(configuration.excludes(Path(name)) for name in ("docs.txt", "a.psd.png", "PIL/_webp.so"))


@pytest.mark.parametrize("version", ["4.2.16", "5.1.1", "7.0"])
def test_unsupported_django(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(versions, "distribution", lambda _name: SimpleNamespace(version=version))
    with pytest.raises(UnsupportedVersionError) as caught:
        check_versions()
    assert version in caught.value.cause


@pytest.mark.parametrize("version", ["5.2", "5.2.9", "6.0a1", "6.1.3"])
def test_supported_django(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(versions, "distribution", lambda _name: SimpleNamespace(version=version))
    check_versions()


class VersionInfo(NamedTuple):
    major: int
    minor: int
    micro: int = 0
    releaselevel: str = "final"


@pytest.mark.parametrize(
    ("info", "text", "is_free_threaded", "cause"),
    [
        (VersionInfo(3, 11, 9), "3.11.9", 0, "is too old"),
        (VersionInfo(3, 16), "3.16.0", 0, "was never tried"),
        (VersionInfo(3, 14), "3.14.0", 1, "is free-threaded"),
        (VersionInfo(3, 15, 0, "beta"), "3.15.0b4", 0, "is not released yet"),
    ],
)
def test_unsupported_python(
    monkeypatch: pytest.MonkeyPatch, info: VersionInfo, text: str, is_free_threaded: int, cause: str
) -> None:
    monkeypatch.setattr(python_version, "sys", SimpleNamespace(version_info=info, version=f"{text} (main)"))
    monkeypatch.setattr(python_version, "sysconfig", SimpleNamespace(get_config_var=lambda _name: is_free_threaded))
    with pytest.raises(UnsupportedVersionError, match=f"Python {re.escape(text)} {cause}"):
        check_versions()


def test_metadata_name_the_same_versions() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    bounds = (".".join(map(str, version)) for version in (python_version.MIN_PYTHON, python_version.PYTHON_LIMIT))
    assert project["requires-python"] == ">={},<{}".format(*bounds)


@pytest.mark.parametrize("protect", [True, False])
def test_data_with_the_names_of_tests(tmp_path: Path, *, protect: bool) -> None:
    kept = {
        "app/models.py": "",
        "app/part.py": "",
        "app/templates/tests/list.html": "",
        "app/templates/test_drive.html": "",
    }
    dropped = {
        "static/a.css": "",
        "app/tests/test_a.py": "",
        "app/tests/sample.csv": "",
        "app/tests.py": "",
        ".env": "",
        "db.sqlite3": "",
        "app/plugins/.gitkeep": "",
        "static/uploads/.gitkeep": "",
        "app/tests/empty/.gitkeep": "",
        ".gitignore": "",
    }
    settings = {"manage.py": MANAGE, "pyproject.toml": f"[tool.djbundle]\nprotect = {str(protect).lower()}\n"}
    for name, text in (settings | kept | dropped).items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(text)
    tree = Tree(tmp_path)
    project = find_project(tmp_path / "site", settings=None, name=None)
    read = {str(tmp_path / "site" / name) for name in ("app/part.py", ".env")}
    inspection_stub: Any = SimpleNamespace(
        media_root="", static_root=str(tmp_path / "site/static"), folders={}, read_as_data=lambda: read
    )
    add_project(tree, FileSelection(project, inspection_stub), {}, Cache(tmp_path / "cache"))
    others = {"pyproject.toml", "app/part.py"} | (set() if protect else {"app/models.py", "manage.py"})
    assert {file.name for file in tree} == {name.replace(".py", ".pyc") for name in kept} | others
    assert tree.empty == {"app/plugins"}
