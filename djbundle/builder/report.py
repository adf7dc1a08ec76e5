"""The report of a build: the manifest inside the bundle, and the summary for the developer."""

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from rich.markup import escape

import djbundle
from djbundle.builder.archive.index import Archive
from djbundle.builder.archive.write import sha256
from djbundle.builder.contents.assets import STATIC_FOLDER
from djbundle.builder.contents.left_out import LeftOut
from djbundle.builder.core.console import MEGABYTE, Console, StepTime, plain_table
from djbundle.builder.core.target import Target
from djbundle.builder.core.tree import PARTS
from djbundle.builder.dependencies.package_selection import Dependency
from djbundle.builder.inspection.inspection import Inspection
from djbundle.builder.machine_ties import places_of_settings, ties_of_code
from djbundle.builder.native.libraries import sqlite_version_of
from djbundle.builder.project.project import Project
from djbundle.builder.verify.crawl_record import CrawlRecord
from djbundle.manifest import BuildInfo, MachineTie, Manifest, Variable

SHOWN_WARNINGS = 5


def make_manifest(
    project: Project, inspection: Inspection, target: Target, library_data: dict[str, str], built: int
) -> Manifest:
    """Return the manifest of the bundle; `built` is in seconds since 1970."""
    return Manifest(
        name=project.name,
        version=project.version,
        settings_module=project.settings_module,
        settings_class=project.settings_class,
        interface=inspection.interface,
        application=inspection.asgi_application or inspection.wsgi_application,
        signer=project.configuration.signer or "",
        static_root=STATIC_FOLDER,
        variables=tuple(Variable(item.name, item.needed, item.place) for item in inspection.variables),
        library_data=library_data,
        places_of_settings=places_of_settings(project),
        machine_ties=tuple(MachineTie(each.place, each.cause, each.fix) for each in ties_of_code(project)),
        build=BuildInfo(
            djbundle=djbundle.__version__,
            python=target.version,
            django=inspection.django,
            sqlite=sqlite_version_of(target),
            date=datetime.datetime.fromtimestamp(built, datetime.UTC).isoformat(),
            git_commit=project.commit,
        ),
    )


@dataclass(frozen=True, slots=True)
class PartSize:
    """A part of the bundle, with its size in bytes: in the file, and unpacked."""

    name: str
    size: int
    raw_size: int


@dataclass(frozen=True, slots=True)
class PackageReason:
    name: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class CrawlSummary:
    """The numbers of pages, files and tasks of a crawl, and its warnings."""

    pages: int
    files: int
    tasks: int
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a build; `to_json` returns what ``--json`` prints."""

    path: str
    name: str
    size: int
    sha256: str
    seconds: float
    parts: list[PartSize]
    packages: list[PackageReason]
    steps: list[StepTime]
    crawl: CrawlSummary | None  # None if the bundle was not verified
    left_out: LeftOut | None = None  # of the project's files

    @classmethod
    def of(
        cls,
        output: Path,
        project: Project,
        dependencies: list[Dependency],
        archive: Archive,
        steps: list[StepTime],
        record: CrawlRecord | None,
    ) -> Self:
        sizes = archive.sizes()
        parts = [PartSize(title, sizes[part][1], sizes[part][0]) for part, title in PARTS.items()]
        size = output.stat().st_size
        rest = size - sum(part.size for part in parts)
        return cls(
            path=str(output),
            name=project.name,
            size=size,
            sha256=sha256(output),
            seconds=round(sum(step.seconds for step in steps), 2),
            parts=[*parts, PartSize("launcher and index", rest, rest)],
            packages=[PackageReason(item.name, item.version, item.reason) for item in dependencies],
            steps=steps,
            crawl=CrawlSummary(record.pages, record.files, record.tasks, record.warnings) if record else None,
        )

    def to_json(self) -> str:
        keys = {"crawl": "visit"}  # the key that scripts read
        return json.dumps({keys.get(name, name): value for name, value in asdict(self).items()}, indent=1)


def print_report(report: Report, console: Console) -> None:
    """Print the path of the bundle, its size, its parts, and the next command to type."""
    table = plain_table()
    table.add_column()
    table.add_column(justify="right")
    for part in filter(lambda part: part.size, report.parts):
        table.add_row(f"  {part.name}", f"{part.size / MEGABYTE:.1f} MB")
    path = Path(report.path)
    path = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    command = path if path.is_absolute() or path.parts[0] == ".." else f"./{path}"
    console.print(f"\n[bold]{path}[/]  {report.size / MEGABYTE:.1f} MB in {report.seconds:.0f} s, made of")
    console.print(table)
    if report.crawl and report.crawl.warnings:
        print_warnings(report.crawl.warnings, console)
    console.print(f"\nNext:  [bold]{command} serve[/]   or copy it to a server and run it there")


def print_warnings(warnings: list[str], console: Console) -> None:
    """Print the first few warnings. In a large project many pages need a parameter or the network."""
    console.print("")
    for each in warnings[:SHOWN_WARNINGS]:
        console.print(f"[yellow]warning:[/] {escape(each)}")
    if len(warnings) > SHOWN_WARNINGS:
        console.print(f"... and {len(warnings) - SHOWN_WARNINGS} more; --json has them all")
