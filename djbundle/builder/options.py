"""What the command line asks for, of a build and of what only looks at a project."""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from djbundle.builder.inspection.inspection import Inspection, inspect_project
from djbundle.builder.project.project import Project, find_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    project: Path
    packages: str = ""  # the environment that they come from, for people
    output: Path | None = None  # ./dist/<name>
    settings: str | None = None
    name: str | None = None
    environment: dict[str, str] = field(default_factory=dict)  # for importing the project; never in the bundle
    include: tuple[str, ...] = ()  # beside those of pyproject.toml
    exclude: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()
    verify: bool = True  # visit the bundle before it is put in place

    def find(self) -> Project:
        """The project, with these options in front of its own configuration."""
        project = find_project(self.project, settings=self.settings, name=self.name)
        own = project.configuration
        configuration = replace(
            own,
            include=[*own.include, *self.include],
            exclude=[*own.exclude, *self.exclude],
            compile=[*own.compile, *self.compile],
        )
        return replace(project, configuration=configuration)

    def look(self) -> tuple[Project, Inspection]:
        """The project, and what it says when it is imported; nothing is kept of its static files."""
        project = self.find()
        with tempfile.TemporaryDirectory(prefix="djbundle-") as folder:
            return project, inspect_project(project, self.environment, Path(folder))
