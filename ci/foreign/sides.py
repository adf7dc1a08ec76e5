"""The two sides: the project under gunicorn in its environment, and its bundle. Both begin with the same databases."""

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from djbundle.builder.verify.in_bundle_scripts import SITE_FACTS_SCRIPT
from tests.support.ports import free_port
from tests.support.site import Site, bare_environment

NOT_COPIED = shutil.ignore_patterns(".git", "__pycache__", "node_modules", ".venv", "venv")
DATABASES = """
import json
from django.conf import settings
print(json.dumps({alias: str(each.get("NAME", "")) for alias, each in settings.DATABASES.items()}))
"""
# As in a bundle. The module is imported once, so a settings module that others import keeps these values.
CHANGES = """
import importlib, os, sys
sys.path[:0] = [os.getcwd()]
settings = importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
settings.DEBUG, settings.ALLOWED_HOSTS = False, ["*"]
"""
COLLECT = """
import django
from django.conf import settings as all_settings
from django.core.management import call_command
django.setup()
if all_settings.STATIC_ROOT:
    call_command("collectstatic", interactive=False, verbosity=0)
"""
# The environment of a project may have no gunicorn. Nothing else of this one is seen.
GUNICORN = """
import json
found = json.loads(sys.argv.pop(1))
sys.path.insert(0, found.pop("djbundle"))
from djbundle.builder.project.own_finder import OwnFinder
del sys.path[0], sys.modules["djbundle"]
sys.meta_path.append(OwnFinder(**found))
from gunicorn.app.wsgiapp import run
run()
"""
GUNICORN_PACKAGES = ("gunicorn", "packaging")


@dataclass(frozen=True, slots=True)
class Environment:
    """The project in its environment. `variables` are those that its settings need."""

    folder: Path  # a copy of the project
    python: Path
    settings: str
    wsgi: str
    variables: Mapping[str, str]

    @classmethod
    def make(
        cls, work: Path, project: Path, environment: Path, settings: str, wsgi: str, variables: Mapping[str, str]
    ) -> "Environment":
        folder = shutil.copytree(project, work / project.name, ignore=NOT_COPIED, symlinks=True)
        python = environment.absolute() / "bin" / "python"
        return cls(folder, python, settings, wsgi or f"{settings.partition('.')[0]}.wsgi", variables)

    def run(self, code: str) -> str:
        """Run Python in the project, and return what it prints."""
        command = [str(self.python), "-c", CHANGES + code]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environ(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def collect_static_files(self) -> None:
        """Collect static files, as before a deployment: pages may need the manifest of their names."""
        try:
            self.run(COLLECT)
        except RuntimeError as error:
            print(f"static files are not collected: {str(error).strip().splitlines()[-1]}", file=sys.stderr)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the project with one worker of gunicorn, and yield its URL."""
        port = free_port()
        log = self.folder.parent / "gunicorn.log"
        command = [str(self.python), "-c", CHANGES + GUNICORN, facts_of_gunicorn()]
        command += [f"--bind=127.0.0.1:{port}", "--timeout=120", self.wsgi]
        with (
            log.open("ab") as output,
            subprocess.Popen(command, cwd=self.folder, env=self._environ(), stdout=output, stderr=output) as process,
        ):
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()

    def _environ(self) -> dict[str, str]:
        path = f"{self.python.parent}:{os.defpath}"
        home = str(self.folder.parent)
        return bare_environment(PATH=path, HOME=home, DJANGO_SETTINGS_MODULE=self.settings) | dict(self.variables)


def facts_of_gunicorn() -> str:
    """Return where gunicorn and its requirement are found, and djbundle, as JSON."""
    folders = {name: folder_of(name) for name in ("djbundle", *GUNICORN_PACKAGES)}
    own = {"djbundle": folders.pop("djbundle"), "folders": [*{*folders.values()}]}
    return json.dumps(own | {"modules": GUNICORN_PACKAGES, "distributions": GUNICORN_PACKAGES})


def folder_of(package: str) -> str:
    spec = find_spec(package)
    assert spec
    assert spec.origin
    return str(Path(spec.origin).parents[1])


def bundle_site(work: Path, bundle: Path, variables: Mapping[str, str], commands: Iterable[str]) -> Site:
    """Return the site of a bundle, with migrated databases in a new data directory. Then run these commands in it."""
    own = {"DJBUNDLE_ALLOWED_HOSTS": "*", **variables}
    site = Site(bundle.absolute(), work / "data", bare_environment(HOME=str(work), **own), "--workers", "1")
    site.options += ("--no-worker",)
    site.working_folder = work
    site.start_timeout = site.run_timeout = 600.0  # a large project, on a machine that has other things to do
    site.run("migrate", "--noinput")
    for each in commands:
        site.run(*shlex.split(each))
    return site


def in_bundle(site: Site, code: str) -> str:
    """Run Python in a bundle, with the site's settings, and return what it prints."""
    environ = site.environment | {"DJBUNDLE_DATA_DIR": str(site.data)}
    done = subprocess.run([site.bundle, "-c", code], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def copy_databases(site: Site, environment: Environment) -> None:
    """Give the environment the databases of the bundle."""
    to = json.loads(environment.run(DATABASES).splitlines()[-1])
    for alias, name in json.loads(in_bundle(site, DATABASES).splitlines()[-1]).items():
        target = environment.folder / to[alias]
        if not Path(name).is_file() or target == Path(name):
            print(f"the database {alias} is not copied: {name}", file=sys.stderr)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        with closing(sqlite3.connect(name)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)


def facts(printed: str) -> dict[str, Any]:
    """Return the facts of a site that SITE_FACTS_SCRIPT has printed: its paths, and a superuser's cookies."""
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def facts_of_both(site: Site, environment: Environment) -> tuple[dict[str, Any], dict[str, Any]]:
    return facts(environment.run(SITE_FACTS_SCRIPT)), facts(in_bundle(site, SITE_FACTS_SCRIPT))
