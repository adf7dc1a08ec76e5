"""Decide which distributions go into a bundle, and why.

The roots are the distributions of which the running project loaded a module. Added are their requirements, and packages
that the project or a loaded module imports inside functions. Tools that are only installed beside the project stay out.
"""

import contextlib
import importlib.metadata
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from djbundle.builder.dependencies.extras import chosen_extras, requirements
from djbundle.builder.dependencies.imports import LateImports
from djbundle.builder.dependencies.owners import DJBUNDLE, Owners
from djbundle.builder.inspection.inspection import Inspection
from djbundle.builder.project import installed
from djbundle.builder.project.configuration import file_entries
from djbundle.builder.project.project import Project
from djbundle.contract.variables import BROKER_URL
from djbundle.errors import ConfigurationError, UnsupportedVersionError

# Packages that the runtime needs. djbundle's other requirements only serve the build.
RUNTIME = ("django", "granian", "servestatic", "certifi", "tzdata")
ZSTD = "zstandard"  # for backups; from Python 3.14 on, Python has it
RUNTIME_REASON = "djbundle's runtime"
TLS = ("cryptography", "josepy")  # for getting certificates: keys and X.509, and ACME's signed JSON
OLDEST_CRYPTOGRAPHY = Version("42")  # the first with certificate validity in UTC
TLS_REASON, SIGNER_REASON = "tls in [tool.djbundle]: serve --domain", "signer in [tool.djbundle]"
SIGNER = ("cryptography",)  # for checking the signature of a new version
KNOWN = frozenset((*RUNTIME[1:], ZSTD))  # the runtime's use of these is known, so they are not searched
# Distributions of which the runtime needs only these files. They go in as a whole if anything else needs them.
PARTS = {
    "cffi": ("_cffi_backend.*",),  # its modules, and pycparser, write extension modules
    ZSTD: ("zstandard/__init__.py", "zstandard/backend_c.*"),  # the other backend is for PyPy
}
NEEDS_PART = {"cryptography": "cffi"}
# Database drivers. Another database address in the environment may need another driver.
DRIVERS = frozenset({"mysqlclient", "oracledb", "psycopg", "psycopg2", "psycopg2-binary", "pymysql"})
# The packages of brokers of tasks, with their extras; the broker's URL may name any. kombu needs more for Redis than
# its plain requirements.
BROKERS: dict[str, set[str]] = {"amqp": set(), "kombu": {"redis"}, "redis": set()}
AWS = "boto3"  # for SQS, and for backups in S3
MAY_NAME = "may name"  # ends the reason of what goes in for a service that the site may use one day
OF_BACKUPS = {  # go in if they are installed for the project
    AWS: f"a bucket for backups that --copy-backups-to {MAY_NAME}",
    "asyncssh": f"a server with SFTP for backups that --copy-backups-to {MAY_NAME}",
    "pyrage": f"keys for backups that --backup-recipient {MAY_NAME}",
}
BROKER_REASON = f"a broker that {BROKER_URL} {MAY_NAME}"
# For variables that move a bundle to other services, whatever its settings read: extras of djbundle. A row goes in if
# all of its packages are installed for the project. With them come those at its end, if need be from djbundle.
SERVICES = (
    (f"a database that DATABASE_URL {MAY_NAME}", ("psycopg",), ("dj-database-url",)),
    (f"a database that DATABASE_URL {MAY_NAME}", ("psycopg2",), ("dj-database-url",)),
    (f"a database that DATABASE_URL {MAY_NAME}", ("psycopg2-binary",), ("dj-database-url",)),
    (f"a database that DATABASE_URL {MAY_NAME}", ("mysqlclient",), ("dj-database-url",)),
    (f"a cache that CACHE_URL {MAY_NAME}", ("redis",), ()),
    (f"a store of uploads that MEDIA_URL {MAY_NAME}", ("boto3", "django-storages"), ()),
)
TASKS_MODULE = "djbundle.tasks.apps"  # loaded by a project that has tasks
DATABASE_VARIABLE = re.compile(r"DATABASE|POSTGRES|MYSQL|^(DB|PG)_?[A-Z]")


@dataclass(frozen=True, slots=True)
class Dependency:
    """One distribution, and the reason why it goes in."""

    name: str  # normalized as in PEP 503
    version: str
    reason: str
    distribution: importlib.metadata.Distribution
    part: tuple[str, ...] = ()  # patterns of the files that go in; () if all of them do

    @property
    def is_optional(self) -> bool:
        """True if it goes in only for a service that the site does not use yet."""
        return self.reason.endswith(MAY_NAME)


Candidate = tuple[str, str, set[str]]  # the name of a distribution, the reason, extras


def find_dependencies(project: Project, inspection: Inspection) -> list[Dependency]:
    """Return all distributions that the bundle needs, sorted by name."""
    _check_cryptography(project)
    owners = Owners(inspection.modules)
    # The runtime's use of the packages for services and brokers is known too. Their extras go in, not all that they
    # could import, unless the project uses them itself.
    for_services = {*BROKERS, AWS, *(name for _, names, _ in SERVICES for name in names)}
    late = LateImports(owners, not_searched=KNOWN | for_services - {*owners.loaded})
    dependencies: dict[str, Dependency] = {}
    # Each bundle has djbundle's runtime already, and does not need what the builder requires. The project may be
    # installed too. If no module was loaded from that installation, the bundle does not need it.
    leave_out = {DJBUNDLE} | ({canonicalize_name(project.name)} - set(owners.loaded))
    _add(dependencies, _roots(project, inspection, owners), leave_out)
    new = late.of_project(project, dependencies) | late.of_distributions(dependencies)
    _add_late(dependencies, new, late, leave_out)
    if TASKS_MODULE in inspection.modules:  # last, so the reason says whether anything else needs it
        _add_late(dependencies, {AWS: BROKER_REASON}, late, leave_out)
    for_backups = [(name, why, set[str]()) for name, why in OF_BACKUPS.items() if installed.is_for_project(name)]
    _add(dependencies, for_backups, leave_out)  # with what they require, not all they could import
    _add_parts(dependencies)
    return [dependencies[name] for name in sorted(dependencies)]


def _add(dependencies: dict[str, Dependency], candidates: Iterable[Candidate], leave_out: set[str]) -> None:
    """Add the installed distributions among `candidates`, with their requirements, except those in `leave_out`."""
    waiting = [*candidates][::-1]
    while waiting:
        name, reason, extras = waiting.pop()
        name = canonicalize_name(name)
        if name in dependencies or name in leave_out:
            continue
        try:
            distribution = installed.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        dependencies[name] = Dependency(name, distribution.version, reason, distribution)
        chosen = set() if name in KNOWN else chosen_extras(distribution)
        waiting += [
            (item.name, f"needed by {name}", item.extras)
            for item in requirements(distribution.name, extras | chosen)
            if item.name not in installed.NOT_NEEDED.get(name, ()) and item.name != NEEDS_PART.get(name)
        ]


def _add_parts(dependencies: dict[str, Dependency]) -> None:
    """Add those distributions of which only the runtime needs something."""
    needed = {name: f"needed by {by}" for by, name in NEEDS_PART.items() if by in dependencies}
    if sys.version_info < (3, 14):
        needed[ZSTD] = RUNTIME_REASON
    for name in needed.keys() - dependencies.keys():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # Debian's cffi has no such metadata
            distribution = installed.distribution(name)
            dependencies[name] = Dependency(name, distribution.version, needed[name], distribution, PARTS[name])


def _for_services() -> Iterator[Candidate]:
    """Yield the packages for services that a variable may name."""
    for reason, names, companions in SERVICES:
        if all(map(installed.is_for_project, names)):
            yield from ((name, reason, set()) for name in (*names, *companions))


def _add_late(dependencies: dict[str, Dependency], new: dict[str, str], late: LateImports, leave_out: set[str]) -> None:
    """Add distributions with their reasons, and what their modules import."""
    while new:
        _add(dependencies, ((name, reason, set()) for name, reason in new.items()), leave_out)
        new = late.of_distributions(dependencies)


def _for_tls(project: Project) -> Iterator[tuple[str, str]]:
    """Yield what TLS and signatures need, and why."""
    if project.configuration.tls:
        yield from ((name, TLS_REASON) for name in TLS)
    if project.configuration.signer:
        yield from ((name, SIGNER_REASON) for name in SIGNER)


def _check_cryptography(project: Project) -> None:
    """Refuse a cryptography that is too old for TLS and signatures.

    The project's own version is used instead of djbundle's, and may be too old.
    """
    if "cryptography" in dict(_for_tls(project)):
        version = installed.distribution("cryptography").version
        if Version(version) < OLDEST_CRYPTOGRAPHY:
            raise UnsupportedVersionError(
                f"the project has cryptography {version}, and TLS and `signer` need {OLDEST_CRYPTOGRAPHY}",
                "pip install --upgrade cryptography, or write tls = false in [tool.djbundle], and no signer",
            )


def _roots(project: Project, inspection: Inspection, owners: Owners) -> Iterator[Candidate]:
    yield from ((name, RUNTIME_REASON, set()) for name in RUNTIME)
    yield from _included(project)
    for name, modules in owners.loaded.items():
        yield name, f"loaded as {next(iter(modules))}", set()
    variables = (each.name for each in inspection.variables if DATABASE_VARIABLE.search(each.name))
    if variable := next(variables, None):
        yield from ((name, f"a database that {variable} {MAY_NAME}", set()) for name in sorted(DRIVERS))
    if TASKS_MODULE in inspection.modules:
        yield from ((name, BROKER_REASON, extras) for name, extras in BROKERS.items())
    yield from _for_services()
    yield from ((name, reason, set()) for name, reason in _for_tls(project))  # last, so the project's own reason wins


def only_for_tls(dependencies: list[Dependency]) -> set[str]:
    """Return the names of distributions that the bundle needs only for TLS and signatures."""
    return _only_for(dependencies, TLS_REASON, SIGNER_REASON)


def is_aws_only_for_own_services(dependencies: list[Dependency]) -> bool:
    """Return whether only djbundle uses AWS: SQS for tasks, and S3 for backups."""
    return "botocore" in _only_for(dependencies, BROKER_REASON, OF_BACKUPS[AWS])


def _only_for(dependencies: list[Dependency], *first: str) -> set[str]:
    """Return the names of distributions that have one of these reasons, or are needed only by those that have."""
    reasons = {each.name: each.reason for each in dependencies}
    names: set[str] = set()
    new = {name for name, reason in reasons.items() if reason in first}
    while new:
        names |= new
        new = {name for name, reason in reasons.items() if reason.removeprefix("needed by ") in new} - names
    return names


def _included(project: Project) -> Iterator[Candidate]:
    """Yield the distributions that `include` names.

    Its other entries are files of the project, see contents/file_selection.py.
    """
    files = set(file_entries(project.configuration.include, project.root))
    for name in project.configuration.include:
        try:
            installed.distribution(name)
        except (importlib.metadata.PackageNotFoundError, ValueError) as error:
            if name.rstrip("/").removeprefix("./") not in files:
                raise ConfigurationError(
                    f'[tool.djbundle] includes "{name}", which is neither installed nor a file of the project',
                    f"pip install {name}, or correct the path",
                ) from error
        else:
            yield name, "include in [tool.djbundle]", set()


def local_packages(project: Project, inspection: Inspection) -> dict[str, Path]:
    """Return editable installs: top-level packages and modules, with their files.

    They lie outside of the project, the standard library and every distribution.
    """
    folders = [
        str(project.root),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")),
        *map(str, installed.package_folders()),
    ]
    packages = {}
    for module, file in inspection.modules.items():
        is_local = file and "." not in module and not any(file.startswith(f"{folder}/") for folder in folders)
        if is_local and module not in (DJBUNDLE, "__main__", "__mp_main__"):
            packages[module] = Path(str(file))
    return packages
