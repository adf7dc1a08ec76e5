"""Real projects: made by their own starter commands, with a few files of ours, and built as they are."""

import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import DJBUNDLE, PROJECTS
from tests.real.container import ContainedSite
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.wheel import make_environment, run

SETTINGS_MORE = "settings_more.py"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a project is made; `name` is its folder in tests/projects/real."""

    name: str
    packages: tuple[str, ...]
    starts: tuple[str, ...] = ()  # commands of its environment that write the project, run in its folder
    settings: str = ""  # the file of these that settings_more.py continues
    apps: tuple[str, ...] = ()  # its own apps, for which migrations are made
    environment: dict[str, str] = field(default_factory=dict)  # what its settings need
    pages: tuple[str, ...] = ("/",)  # that a browser opens
    mounts: tuple[str, ...] = ()  # folders that the container sees besides the data
    user_name: tuple[str, ...] = ("--username", "admin")  # of the superuser; empty if the e-mail address is the name

    def make(self, folder: Path) -> tuple[Path, Path]:
        """Make the project and its environment."""
        project, environment = folder / self.name, folder / "environment"
        programs = make_environment(environment, "3.13", *self.packages)
        project.mkdir()
        for command in self.starts:
            program, *words = shlex.split(command)
            subprocess.run([programs / program, *words], cwd=project, check=True, capture_output=True, timeout=300)
        if (files := PROJECTS / "real" / self.name).is_dir():
            shutil.copytree(files, project, dirs_exist_ok=True)
        if self.settings:
            more = project / SETTINGS_MORE
            with (project / self.settings).open("a") as settings:
                settings.write(more.read_text())
            more.unlink()
        if self.apps:
            run(programs / "python", project / "manage.py", "makemigrations", "-v0", *self.apps)
        return project, environment

    def build(self, folder: Path) -> Path:
        """Build the bundle, verified in an empty root, as in a container made from scratch."""
        project, environment = self.make(folder)
        variables = [word for name, value in self.environment.items() for word in ("--env", f"{name}={value}")]
        bundle = folder / "site"
        run(DJBUNDLE, "build", project, "--python", environment, "-o", bundle, *variables)
        environment.rename(folder / "gone")
        return copy_bundle(bundle, folder / "server")

    def site(self, folder: Path, *options: str) -> Site:
        """Build and migrate a site for a container. Superuser: "admin" or "admin@shop.example", password "secret"."""
        variables = {"DJBUNDLE_ALLOWED_HOSTS": "localhost,127.0.0.1", **self.environment}
        site = ContainedSite(self.build(folder), folder / "data", bare_environment(**variables), *options)
        site.mounts = self.mounts
        site.run("migrate")
        site.environment["DJANGO_SUPERUSER_PASSWORD"] = "secret"
        site.run("createsuperuser", "--noinput", *self.user_name, "--email", "admin@shop.example")
        return site
