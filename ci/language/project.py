"""Make a Django project whose own code is CPython's tests, so that a build treats them as it treats any project."""

import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path

from ci.language.selection import FOLDER, helpers

SITE = Path(__file__).with_name("site")
MANAGE = """\
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_.settings")
if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
CONFIGURATION = """\
[project]
name = "language"
version = "1"
[tool.djbundle]
tls = false
bytecode = {bytecode}
compile = {compile}
"""
TOOLS = ["test.support"]  # what the tests use, and what is not tested
IGNORED = shutil.ignore_patterns("__pycache__", "__main__.py", "*.pyc")
NAME = re.compile(rb"\btest_(\w+)")


def make_project(folder: Path, names: Iterable[str], compiled: Iterable[str]) -> Path:
    """Write the project to `folder`. The modules of `compiled` are compiled although a rule is against it."""
    shutil.copytree(SITE, folder / "site_", ignore=IGNORED)
    (folder / "site_" / "__init__.py").touch()
    (folder / "manage.py").write_text(MANAGE)
    package = folder / "test"
    for name in [*helpers(), *names]:
        copy(name if (FOLDER / name).exists() else f"{name}.py", package)
    renamed = {path.stem.encode() for path in package.rglob("test_*.py")}
    for path in [*package.rglob("*.py")]:
        rename(path, renamed) if is_valid(path) else path.unlink()
    forced = [own_name(f"test.{name}") for name in compiled]
    configuration = CONFIGURATION.format(bytecode=TOOLS, compile=forced)
    (folder / "pyproject.toml").write_text(configuration.replace("'", '"'))
    return folder


def copy(name: str, package: Path) -> None:
    source, target = FOLDER / name, package / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=IGNORED, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def is_valid(path: Path) -> bool:
    """Return whether a source is valid Python. A few are not, on purpose, and a build refuses them."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return bool(compile(path.read_bytes(), path, "exec", dont_inherit=True))
    except (SyntaxError, ValueError):
        return False


def rename(path: Path, renamed: set[bytes]) -> None:
    """Let a module be no test by its name, since tests are in no bundle: "test_scope.py" becomes "case_scope.py"."""

    def replace(match: re.Match[bytes]) -> bytes:
        before = match.string[: match.start()]
        is_import = before.endswith((b"test.", b"from test import ", b"test_import.")) or is_in_package(before)
        return b"case_" + match[1] if is_import and match[0] in renamed else match[0]

    path.write_bytes(NAME.sub(replace, path.read_bytes()))
    if path.name.startswith("test_"):
        path.rename(path.with_name(f"case_{path.name.removeprefix('test_')}"))


def is_in_package(before: bytes) -> bool:
    """Return whether a name follows "test.test_json." or "from test.test_json import "."""
    return bool(re.search(rb"\btest\.test_\w+(\.| import )$", before[-80:]))


def own_name(module: str) -> str:
    """Return the name that a module of the tests has in the project."""
    package, _, last = module.rpartition(".")
    is_module = (FOLDER / Path(*module.split(".")[1:])).with_suffix(".py").is_file()
    return f"{package}.case_{last.removeprefix('test_')}" if is_module and last.startswith("test_") else module


def modules_of(project: Path, names: Iterable[str]) -> list[str]:
    """Return the modules of the project that have tests, such as "test.case_scope"."""
    found = []
    for name in names:
        folder = project / "test" / name
        if not folder.is_dir():
            found.append(own_name(f"test.{name}"))
            continue
        if "load_package_tests" not in (folder / "__init__.py").read_text():
            found.append(f"test.{name}")
        paths = [*folder.rglob("case_*.py"), *folder.rglob("testmock/test*.py")]
        found += sorted(".".join(path.relative_to(project).with_suffix("").parts) for path in paths)
    return found
