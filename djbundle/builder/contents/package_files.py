"""Add the packages' part of the tree: each distribution as in site-packages, with its sources as bytecode."""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase, translate
from pathlib import Path, PurePosixPath

from django.utils.translation import to_locale

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.contents.file_selection import SOURCES
from djbundle.builder.contents.suspicions import is_secret
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import LICENSES_FOLDER, Part, Tree, base_of
from djbundle.builder.dependencies.modules import Modules
from djbundle.builder.dependencies.package_selection import (
    Dependency,
    is_aws_only_for_own_services,
    local_packages,
    only_for_tls,
)
from djbundle.builder.dependencies.project_imports import dotted
from djbundle.builder.inspection.inspection import Inspection
from djbundle.builder.native import compiler
from djbundle.builder.native.elf import is_elf
from djbundle.builder.project.installed import files_of
from djbundle.builder.project.project import Project
from djbundle.contract.layout import PROGRAMS

METADATA = ".dist-info"  # ends the name of a folder
METADATA_LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")
CATALOGUES = ("django.mo", "djangojs.mo")
AWS_DATA = ("botocore", "data")  # has a folder for each service
AWS_SERVICES = ("s3", "signin", "sqs", "sso", "sso-oidc", "sts")  # backups, tasks, and those that give credentials


SOURCE = re.compile("|".join(map(translate, SOURCES)))
NamedFile = tuple[str, Path]


def add_packages(
    tree: Tree,
    dependencies: list[Dependency],
    compiled: Modules,
    project: Project,
    inspection: Inspection,
    cache: Cache,
) -> None:
    """Add `dependencies` and packages installed in editable mode, without the `compiled` modules."""
    tls = only_for_tls(dependencies)
    local = local_packages(project, inspection)
    parts: dict[Part, Iterable[NamedFile]] = {
        "packages": _all_files([each for each in dependencies if each.name not in tls], local),
        "tls": _all_files([each for each in dependencies if each.name in tls], {}),
    }
    package_filter, read = (
        _PackageFilter(inspection, is_aws_only_for_own_services(dependencies)),
        inspection.read_as_data(),
    )
    in_executable = {str(name) for name in compiled}
    for part, files in parts.items():
        sources: list[Source] = []
        for name, path in files:
            is_left_out = name in in_executable or package_filter.leaves_out(name)
            if is_left_out or project.configuration.excludes(name):
                continue
            is_read = str(path) in read
            if name.endswith(".py"):
                keeps_docstrings = package_filter.keeps_docstrings(name)
                sources.append(Source(path, name, keeps_docstrings=keeps_docstrings, keeps_columns=is_read))
            if is_read or not SOURCE.match(base_of(name)):
                tree.add(name, path, part)
        add_bytecode(tree, sources, cache, part)
    tree.add(f"{LICENSES_FOLDER}/zstd.txt", compiler.zstd_sources() / "LICENSE.txt", "packages")


def _all_files(dependencies: list[Dependency], local: dict[str, Path]) -> Iterator[NamedFile]:
    for dependency in dependencies:
        yield from distribution_files(dependency)
    for module, file in local.items():
        yield from local_files(module, file)


def distribution_files(dependency: Dependency) -> Iterator[NamedFile]:
    """Yield the files of a distribution that may go in, with their names in the tree."""
    wanted = (*dependency.part, f"*{METADATA}/*") if dependency.part else ("*",)
    for file in files_of(dependency.distribution):
        if not any(fnmatchcase(file.name, pattern) for pattern in wanted):
            continue
        path = Path(file.path)
        if not file.is_outside:
            yield file.name, path
        elif _is_own_program(file.name, path):
            yield f"{PROGRAMS}/{path.name}", path


def _is_own_program(name: str, path: Path) -> bool:
    """Return whether a file of a distribution is a program that needs no Python, such as that of ninja.

    It lies in the `bin` of the environment. The other programs there are scripts of Python, for one environment.
    """
    return name.startswith("../") and path.parent.name == "bin" and is_elf(path)


def local_files(module: str, file: Path) -> Iterator[NamedFile]:
    """Yield the files of a package that is imported from its own folder, outside of site-packages.

    Secrets in that folder are skipped, because nobody selected its data files for a distribution.
    """
    if file.name == "__init__.py":
        for path in sorted(file.parent.rglob("*")):
            below = path.relative_to(file.parent)
            if path.is_file() and (path.suffix == ".py" or not is_secret(below, path)):
                yield f"{module}/{below}", path
    else:
        yield file.name, file


class _PackageFilter:
    """Leave out files of packages that a running site does not need."""

    def __init__(self, inspection: Inspection, is_aws_only_ours: bool) -> None:
        self._is_aws_only_ours = is_aws_only_ours
        self._loaded = set(inspection.modules)
        self._locales = None if inspection.languages is None else set(_locales_of(inspection.languages))
        self._shows_docstrings = inspection.shows_docstrings

    def leaves_out(self, name: str) -> bool:
        parts = name.split("/")
        if "__pycache__" in parts or name.endswith(".pth"):
            return True
        if parts[0].endswith(METADATA):
            return parts[-1] in METADATA_LEFT_OUT or "sboms" in parts[1:2]
        return self._is_test(name, parts) or self._is_foreign(parts) or self._is_other_service(parts)

    def keeps_docstrings(self, name: str) -> bool:
        """Return whether to keep the docstrings of a module.

        Django's own are for developers, unless admindocs shows them. Other packages may use theirs.
        """
        return not name.startswith("django/") or self._shows_docstrings

    def _is_test(self, name: str, parts: list[str]) -> bool:
        """Return whether it is a test that the running project did not import."""
        return "tests" in parts and dotted(PurePosixPath(name)) not in self._loaded

    def _is_foreign(self, parts: list[str]) -> bool:
        """Return whether it is a translation into a language that the project's LANGUAGES do not have."""
        if self._locales is None or parts[-1] not in CATALOGUES:
            return False
        *_, folder, locale, messages, _ = ("", "", "", *parts)
        return folder == "locale" and messages == "LC_MESSAGES" and locale not in self._locales

    def _is_other_service(self, parts: list[str]) -> bool:
        """Return whether it describes a service of AWS that nothing uses."""
        is_of_service = tuple(parts[:2]) == AWS_DATA and len(parts) > 3
        return self._is_aws_only_ours and is_of_service and parts[2] not in AWS_SERVICES


def _locales_of(languages: Iterable[str]) -> Iterator[str]:
    """Yield the folders in which Django looks for translations: de_AT and de for "de-at".

    English is its fallback.
    """
    yield "en"
    for language in languages:
        yield to_locale(language)
        yield language.partition("-")[0]
