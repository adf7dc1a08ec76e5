"""The options of the command line, for a build and for commands that only inspect a project."""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from djbundle.builder.core.target import Target, find_target
from djbundle.builder.inspection.inspection import Inspection, inspect_project
from djbundle.builder.project.project import Project, find_project


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    project: Path
    packages: str = ""  # the environment that provides them, for display
    output: Path | None = None  # ./dist/<name>
    settings: str | None = None
    name: str | None = None
    environment: dict[str, str] = field(default_factory=dict)  # for importing the project; never in the bundle
    include: tuple[str, ...] = ()  # in addition to those of pyproject.toml
    exclude: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()
    bytecode: tuple[str, ...] = ()
    verify: bool = True  # crawl the bundle before it is put in place
    target: str | None = None  # "linux-" and the name of a machine; None for this one
    target_python: Path | None = None  # the folder that has the Python of another machine

    def find_target(self) -> Target:
        """Return the Python and the machine that the bundle is for."""
        return find_target(self.target, self.target_python)

    def find_project(self) -> Project:
        """Return the project; these options take precedence over its own configuration."""
        project = find_project(self.project, settings=self.settings, name=self.name)
        base = project.configuration
        configuration = replace(
            base,
            include=[*base.include, *self.include],
            exclude=[*base.exclude, *self.exclude],
            compile=[*base.compile, *self.compile],
            bytecode=[*base.bytecode, *self.bytecode],
        )
        return replace(project, configuration=configuration)

    def inspect(self) -> tuple[Project, Inspection]:
        """Return the project and its inspection. Collected static files are discarded."""
        project = self.find_project()
        with tempfile.TemporaryDirectory(prefix="djbundle-") as folder:
            return project, inspect_project(project, self.environment, Path(folder))
