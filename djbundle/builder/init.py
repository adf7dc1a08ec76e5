"""``djbundle init``: write the files that make the project build the same way everywhere."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.builder.project.project import Project
from djbundle.common.templates import render
from djbundle.errors import FileExistsAlreadyError

INSTALLATIONS = {  # the first file that exists decides how packages are installed
    "uv.lock": "pip install uv && uv export --frozen --no-emit-project | pip install -r /dev/stdin",
    "poetry.lock": "pip install poetry poetry-plugin-export && poetry export | pip install -r /dev/stdin",
    "pdm.lock": "pip install pdm && pdm export --prod | pip install -r /dev/stdin",
    "requirements.txt": "pip install -r requirements.txt",
    "pyproject.toml": "pip install .",
}
NO_INSTALLATION = "pip install django"


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file to write, and its text. If `appends`, the text goes after the file's current content."""

    path: Path
    text: str
    appends: bool = False


def write_files(project: Project, needed: list[str], python: str, *, force: bool, keda: bool = False) -> list[Path]:
    """Write the files, and return their paths relative to the project.

    If a file exists already and `force` is not set, change nothing and raise FileExistsAlreadyError. `needed` are
    variables without which the settings do not import. With `keda`, write what scales workers in Kubernetes.
    """
    files = list(_files(project, needed, python))
    if keda:
        text = render("scaledobject.yaml", name=project.name)
        files.append(GeneratedFile(project.root / "deploy" / "scaledobject.yaml", text))
    existing = [each.path for each in files if not each.appends and each.path.exists()]
    if existing and not force:
        names = ", ".join(str(path.relative_to(project.root)) for path in existing)
        raise FileExistsAlreadyError(f"there is already {names}", "write over it with  --force")
    for each in files:
        each.path.parent.mkdir(parents=True, exist_ok=True)
        before = each.path.read_text() if each.appends and each.path.exists() else ""
        each.path.write_text(f"{before.rstrip()}\n\n{each.text}" if before else each.text)
    return [each.path.relative_to(project.root) for each in files]


def _files(project: Project, needed: list[str], python: str) -> Iterator[GeneratedFile]:
    pyproject = project.root / "pyproject.toml"
    if not _has_table(pyproject):
        yield GeneratedFile(
            pyproject, render("pyproject.toml", name=project.name, settings=project.settings_module), appends=True
        )
    yield GeneratedFile(project.root / "Containerfile", render("Containerfile", name=project.name))
    install = next((way for name, way in INSTALLATIONS.items() if (project.root / name).is_file()), NO_INSTALLATION)
    variables = "".join(f" --env {name}=build-only" for name in needed)
    workflow = render("workflow.yml", name=project.name, python=python, install=install, variables=variables)
    yield GeneratedFile(project.root / ".github" / "workflows" / "bundle.yml", workflow)


def _has_table(pyproject: Path) -> bool:
    return pyproject.is_file() and "djbundle" in tomllib.loads(pyproject.read_text()).get("tool", {})
