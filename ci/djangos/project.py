"""Make a Django project whose apps are those of Django's own tests, from the source archive of this Django."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Container, Iterator
from pathlib import Path

import django

from ci.language.project import IGNORED, MANAGE, is_valid

UV = Path(sys.executable).with_name("uv")
SITE = Path(__file__).parents[1] / "language" / "site"
PREFIX = "case_"  # before the names of tests: modules that are tests by their names are in no bundle
IS_TEST = re.compile(r"tests?(_\w+)?(\.py)?")
NAME = re.compile(rb"\b(from \.+|from [\w.]+\.|from [\w.]+ import |[\w.]+\.)(tests?(?:_\w+)?)\b")
CONFIGURATION = """\
[project]
name = "djangos"
version = "1"
[tool.djbundle]
tls = false
exclude = ["i18n/commands/locale"]  # faulty catalogues, which a build refuses
bytecode = {bytecode}
"""


def download(folder: Path) -> Path:
    """Return the folder `tests` of Django's source archive. Its wheel has no tests."""
    pip: list[str | Path] = [UV, "tool", "run", "--python", sys.executable, "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-binary", ":all:", "--dest", folder, f"django=={django.__version__}"], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return next(folder.glob("*/tests"))


def make_project(folder: Path, tests: Path, only: Container[str] = (), *, is_compiled: bool) -> Path:
    """Write the project to `folder`, with the apps of `only`, or all.

    The apps stay bytecode unless `is_compiled`, which takes many minutes for all of them.
    """
    folder.mkdir()
    for path in tests.iterdir():
        is_app = (path / "__init__.py").exists()
        if path.is_dir() and (not is_app or not only or path.name in only):
            shutil.copytree(path, folder / path.name, ignore=IGNORED)
        elif path.suffix == ".py":
            shutil.copy(path, folder)
    shutil.copytree(SITE, folder / "site_", ignore=IGNORED)
    settings = folder / "site_" / "settings.py"
    settings.write_text(settings.read_text().replace('INSTALLED_APPS = ["test"]', "INSTALLED_APPS = []"))
    (folder / "site_" / "__init__.py").touch()
    (folder / "manage.py").write_text(MANAGE)
    for path in [*folder.rglob("*.py")]:
        path.write_bytes(with_new_names(path.read_bytes(), folder, path))
        if not is_valid(path):
            path.unlink()
    for path in sorted(folder.rglob("test*"), reverse=True):  # the content of a folder before the folder itself
        if is_test(path):
            path.rename(path.with_name(f"{PREFIX}{path.name}"))
    (folder / "pyproject.toml").write_text(
        CONFIGURATION.format(bytecode=json.dumps(sorted(bytecode_of(folder, is_compiled))))
    )
    return folder


def bytecode_of(project: Path, is_compiled: bool) -> Iterator[str]:
    """Yield the modules that stay bytecode: always those of tests, since a bundle is made for the apps."""
    for path in project.rglob(f"{PREFIX}*.py" if is_compiled else "*.py"):
        parts = path.relative_to(project).with_suffix("").parts
        is_own = len(parts) > 1 and parts[0] != "site_" and (project / parts[0] / "__init__.py").exists()
        is_own = is_own and all(part.isidentifier() for part in parts)  # templates of projects have hidden folders
        if is_own and parts[-1] != "__init__" and not {"migrations", "management"} & {*parts}:
            yield ".".join(parts)


def is_test(path: Path) -> bool:
    """Return whether a path is a module of tests, or a folder with such modules: "tests", and no app."""
    return (path.suffix == ".py" or path.name == "tests") and bool(IS_TEST.fullmatch(path.name))


def with_new_names(source: bytes, root: Path, path: Path) -> bytes:
    """Return the source with new names. Each round replaces the last part of a dotted name that has an old one."""
    after = NAME.sub(lambda match: renamed(match, root, path), source)
    return after if after == source else with_new_names(after, root, path)


def renamed(match: re.Match[bytes], root: Path, path: Path) -> bytes:
    """Return a dotted name with its new last part, if there is a module of that name."""
    before, name = match[1], match[2].decode()
    dotted = before.removeprefix(b"from ").replace(b" import ", b".").decode()
    dots = len(dotted) - len(dotted.lstrip("."))
    folder = path.parents[dots - 1] if dots and before.startswith(b"from ") else root
    target = folder.joinpath(*filter(None, dotted.split(".")), name)
    exists = target.with_suffix(".py").is_file() or (name == "tests" and target.is_dir())
    return before + (PREFIX if exists else "").encode() + match[2]


def labels_of(project: Path) -> list[str]:
    """Return the apps that have tests."""
    without = {"gis_tests", "postgres_tests", "import_error_package", "test_runner_apps", "site_"}
    found = {path.relative_to(project).parts[0] for path in project.rglob(f"{PREFIX}*.py") if path.parent != project}
    return sorted(found - without)
