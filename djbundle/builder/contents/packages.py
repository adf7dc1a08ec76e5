"""Add the packages' part of the tree: each distribution as in site-packages, with its sources as bytecode."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from django.utils.translation import to_locale

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.contents.selection import SOURCES
from djbundle.builder.contents.suspicions import is_secret
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import LICENSES_FOLDER, Part, Tree
from djbundle.builder.dependencies.dependencies import Dependency, is_aws_only_for_sqs, local_packages, only_for_tls
from djbundle.builder.dependencies.modules import Modules
from djbundle.builder.inspection.inspection import Inspection
from djbundle.builder.native import compiler
from djbundle.builder.native.elf import is_elf
from djbundle.builder.project.installed import files_of
from djbundle.builder.project.project import Project
from djbundle.contract.layout import PROGRAMS

METADATA_LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")
CATALOGUES = ("django.mo", "djangojs.mo")
AWS_DATA = ("botocore", "data")  # has a folder for each service
AWS_SERVICES = ("signin", "sqs", "sso", "sso-oidc", "sts")  # SQS, and those that give credentials


NamedFile = tuple[PurePosixPath, Path]


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
    package_filter, read = _PackageFilter(inspection, is_aws_only_for_sqs(dependencies)), inspection.read_as_data()
    for part, files in parts.items():
        sources: list[Source] = []
        for name, path in files:
            if (
                name in compiled
                or not path.is_file()
                or package_filter.leaves_out(name)
                or project.configuration.excludes(name)
            ):
                continue
            if name.suffix == ".py":
                sources.append(Source(path, str(name), keeps_docstrings=package_filter.keeps_docstrings(name)))
            if str(path) in read or not any(fnmatch(name.name, pattern) for pattern in SOURCES):
                tree.add(name, path, part)
        add_bytecode(tree, sources, cache, part)
    tree.add(f"{LICENSES_FOLDER}/zstd.txt", compiler.zstd_sources() / "LICENSE.txt", "packages")


def _all_files(dependencies: list[Dependency], local: dict[str, Path]) -> Iterator[NamedFile]:
    for dependency in dependencies:
        yield from _distribution_files(dependency.distribution)
    for module, file in local.items():
        yield from local_files(module, file)


def _distribution_files(distribution: Distribution) -> Iterator[NamedFile]:
    for file in files_of(distribution):
        path = Path(str(file.locate()))
        if not file.is_absolute() and ".." not in file.parts:
            yield PurePosixPath(file), path
        elif _is_own_program(file, path):
            yield PurePosixPath(PROGRAMS, file.name), path


def _is_own_program(file: PurePosixPath, path: Path) -> bool:
    """Return whether a file of a distribution is a program that needs no Python, such as that of ninja.

    It lies in the `bin` of the environment. The other programs there are scripts of Python, for one environment.
    """
    return ".." in file.parts and file.parent.name == "bin" and path.is_file() and is_elf(path)


def local_files(module: str, file: Path) -> Iterator[NamedFile]:
    """Yield the files of a package that is imported from its own folder, outside of site-packages.

    Secrets in that folder are skipped, because nobody selected its data files for a distribution.
    """
    if file.name == "__init__.py":
        for path in sorted(file.parent.rglob("*")):
            below = path.relative_to(file.parent)
            if not (path.is_file() and path.suffix != ".py" and is_secret(below, path)):
                yield PurePosixPath(module, *below.parts), path
    else:
        yield PurePosixPath(file.name), file


class _PackageFilter:
    """Leave out files of packages that a running site does not need."""

    def __init__(self, inspection: Inspection, is_aws_for_sqs: bool) -> None:
        self._is_aws_for_sqs = is_aws_for_sqs
        self._loaded = set(inspection.modules)
        self._locales = None if inspection.languages is None else set(_locales_of(inspection.languages))
        self._shows_docstrings = "django.contrib.admindocs" in inspection.apps

    def leaves_out(self, name: PurePosixPath) -> bool:
        if "__pycache__" in name.parts or name.suffix == ".pth":
            return True
        if name.parts[0].endswith(".dist-info"):
            return name.name in METADATA_LEFT_OUT or name.parts[1] == "sboms"
        return self._is_test(name) or self._is_foreign(name) or self._is_other_service(name)

    def keeps_docstrings(self, name: PurePosixPath) -> bool:
        """Return whether to keep the docstrings of a module.

        Django's own are for developers, unless admindocs shows them. Other packages may use theirs.
        """
        return name.parts[0] != "django" or self._shows_docstrings

    def _is_test(self, name: PurePosixPath) -> bool:
        """Return whether it is a test that the running project did not import."""
        module = ".".join(name.with_suffix("").parts).removesuffix(".__init__")
        return "tests" in name.parts and module not in self._loaded

    def _is_foreign(self, name: PurePosixPath) -> bool:
        """Return whether it is a translation into a language that the project's LANGUAGES do not have."""
        if self._locales is None or name.name not in CATALOGUES:
            return False
        *_, folder, locale, messages, _ = ("", "", "", *name.parts)
        return folder == "locale" and messages == "LC_MESSAGES" and locale not in self._locales

    def _is_other_service(self, name: PurePosixPath) -> bool:
        """Return whether it describes a service of AWS that nothing uses."""
        is_of_service = name.parts[:2] == AWS_DATA and len(name.parts) > 3
        return self._is_aws_for_sqs and is_of_service and name.parts[2] not in AWS_SERVICES


def _locales_of(languages: Iterable[str]) -> Iterator[str]:
    """Yield the folders in which Django looks for translations: de_AT and de for "de-at".

    English is its fallback.
    """
    yield "en"
    for language in languages:
        yield to_locale(language)
        yield language.partition("-")[0]
