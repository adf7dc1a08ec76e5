"""Make a Django project whose own code is CPython's tests, so that a build treats them as it treats any project."""

import json
import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path

from ci.language.selection import FOLDER, extensions, helpers

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
DOTTED = re.compile(r"\btest(?:\.\w+)+")
IMPORTED = re.compile(r"(?<=from )(test[\w.]*)( import )(test_\w+)")


def make_project(folder: Path, names: Iterable[str], compiled: Iterable[str] = ()) -> Path:
    """Write the project to `folder`. The modules of `compiled` are compiled although a rule is against it."""
    shutil.copytree(SITE, folder / "site_", ignore=IGNORED)
    (folder / "site_" / "__init__.py").touch()
    (folder / "manage.py").write_text(MANAGE)
    return add_tests(folder, names, compiled)


def add_tests(project: Path, names: Iterable[str], compiled: Iterable[str] = ()) -> Path:
    """Write the package `test` with these tests into the project, and its configuration."""
    package = project / "test"
    for extension in extensions():
        shutil.copy(extension, project)
    for name in [*helpers(), *names]:
        copy(name if (FOLDER / name).exists() else f"{name}.py", package)
    taken = {path.relative_to(package).as_posix() for path in package.rglob("test_*.py")}
    for path in [*package.rglob("*.py")]:
        rename(path, taken) if is_valid(path) else path.unlink()
    forced = [own_name(f"test.{name}") for name in compiled]
    configuration = CONFIGURATION.format(bytecode=json.dumps(TOOLS), compile=json.dumps(forced))
    (project / "pyproject.toml").write_text(configuration)
    return project


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


def rename(path: Path, taken: set[str]) -> None:
    """Let a module be no test by its name, since tests are in no bundle: "test_scope.py" becomes "case_scope.py"."""

    def with_new_parts(name: str) -> str:
        parts = name.split(".")
        for at, part in enumerate(parts):
            if "/".join((*parts[1:at], f"{part}.py")) in taken:
                parts[at] = f"case_{part.removeprefix('test_')}"
                break
        return ".".join(parts)

    def replace_imported(match: re.Match[str]) -> str:
        *package, name = with_new_parts(f"{match[1]}.{match[3]}").split(".")
        return f"{'.'.join(package)}{match[2]}{name}"

    source = path.read_bytes().decode("latin-1")  # any bytes
    source = IMPORTED.sub(replace_imported, DOTTED.sub(lambda match: with_new_parts(match[0]), source))
    path.write_bytes(source.encode("latin-1"))
    if path.name.startswith("test_"):
        path.rename(path.with_name(f"case_{path.name.removeprefix('test_')}"))


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
