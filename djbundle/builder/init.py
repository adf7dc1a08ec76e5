"""``djbundle init``: write the files that make the project build the same way everywhere."""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from djbundle.builder.generated_file import GeneratedFile
from djbundle.builder.host import CONTAINERFILE, container_commands
from djbundle.builder.project.installed import is_for_project
from djbundle.builder.project.project import Project
from djbundle.common.templates import render
from djbundle.errors import FileExistsAlreadyError

INSTALLATIONS = {  # the first file that exists decides how packages are installed
    "uv.lock": "pip install uv && uv export --frozen --no-emit-project | pip install -r /dev/stdin",
    "poetry.lock": "pip install poetry poetry-plugin-export && poetry export | pip install -r /dev/stdin",
    "pdm.lock": "pip install pdm && pdm export --prod | pip install -r /dev/stdin",
    "requirements.txt": "pip install -r requirements.txt",
    "pyproject.toml": "pip install uv && uv pip install -r pyproject.toml",  # `pip install .` wants a package
}
NO_INSTALLATION = "pip install django"
POSTGRES_DRIVERS = ("psycopg", "psycopg2", "psycopg2-binary")
VALKEY_CLIENTS = ("redis", "kombu")  # for CACHE_URL, for TASKS_URL


EXTRAS = {"postgres": POSTGRES_DRIVERS, "redis": ("redis",)}  # of djbundle: what a site on several machines needs


def write_files(project: Project, files: Iterable[GeneratedFile], *, force: bool) -> list[Path]:
    """Write the files, and return their paths relative to the project.

    If a file exists already and `force` is not set, change nothing and raise FileExistsAlreadyError.
    """
    files = [each for each in files if force or not (each.may_stay and (project.root / each.path).exists())]
    existing = [str(each.path) for each in files if not each.appends and (project.root / each.path).exists()]
    if existing and not force:
        raise FileExistsAlreadyError(f"there is already {', '.join(existing)}", "write over it with  --force")
    for each in files:
        path = project.root / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if each.appends and path.exists() else ""
        path.write_text(f"{before.rstrip()}\n\n{each.text}" if before else each.text)
    return [Path(each.path) for each in files]


def build_files(
    project: Project, needed: list[str], python: str, *, is_for_machines: bool = False
) -> Iterator[GeneratedFile]:
    """Yield what makes a build. `needed` are variables without which the settings do not import.

    `is_for_machines` is true for a site that other files deploy on several machines: its build needs more packages.
    """
    if not _has_table(project.root / "pyproject.toml"):
        text = render("pyproject.toml", name=project.name, settings=project.settings_module)
        yield GeneratedFile(PurePath("pyproject.toml"), text, appends=True)
    yield GeneratedFile(PurePath("Containerfile"), render("Containerfile", name=project.name))
    variables = "".join(f" --env {name}=build-only" for name in needed)
    workflow = render(
        "workflow.yml",
        name=project.name,
        python=python,
        install=_installation(project),
        djbundle=distribution_with_extras(is_for_machines=is_for_machines),
        variables=variables,
    )
    yield GeneratedFile(PurePath(".github", "workflows", "bundle.yml"), workflow)


def builder_file(project: Project, python: str) -> GeneratedFile:
    """Return the recipe of an image in which the project is built. `python` is a version such as "3.13".

    It is made without an import of the project, which may be impossible on the machine that needs this file.
    """
    make, build = container_commands(f"{project.name}-builder")
    values = {"name": project.name, "python": python, "make": make, "build": build, "djbundle": "djbundle"}
    text = render("deploy/builder/Containerfile", install=_installation(project), **values)
    return GeneratedFile(PurePath(CONTAINERFILE), text)


def _installation(project: Project) -> str:
    """Return the command that installs the project's packages."""
    return next((way for name, way in INSTALLATIONS.items() if (project.root / name).is_file()), NO_INSTALLATION)


def distribution_with_extras(*, is_for_machines: bool) -> str:
    """Return the requirement for pip: djbundle, with the extras of the clients that the bundle needs."""
    extras = [name for name, clients in EXTRAS.items() if is_for_machines or any(map(is_for_project, clients))]
    if is_for_project("psycopg2") or is_for_project("psycopg2-binary"):
        extras.remove("postgres")  # the project has another driver than that of the extra
    return f'"djbundle[{",".join(extras)}]"' if extras else "djbundle"


def missing_files(project: Project, files: Iterable[GeneratedFile]) -> list[GeneratedFile]:
    """Return the files that are not there yet, and those that are appended to."""
    return [each for each in files if each.appends or not (project.root / each.path).exists()]


def missing_parts(*, has_tasks: bool) -> Iterator[str]:
    """Yield a line for each thing that a site on several machines needs, and that the project does not have."""
    if not has_tasks:
        yield "djbundle.tasks is not in INSTALLED_APPS: there is no worker and no scheduler"
    if not any(map(is_for_project, POSTGRES_DRIVERS)):
        yield 'no driver for PostgreSQL is installed:  pip install "djbundle[postgres]"'
    if not all(map(is_for_project, VALKEY_CLIENTS)):
        yield 'no client for Valkey is installed:  pip install "djbundle[redis]"'


def _has_table(pyproject: Path) -> bool:
    return pyproject.is_file() and "djbundle" in tomllib.loads(pyproject.read_text()).get("tool", {})
