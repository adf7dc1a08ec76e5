"""The other side: the sample shop in a clean virtual environment, as people deploy it without djbundle."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from ci.bench.servers import THREADS, WORKERS

REPOSITORY = Path(__file__).parents[2]
SERVERS = ("gunicorn>=23", "granian>=2.8.7", "whitenoise[brotli]>=6.9")


class Peer:
    """A virtual environment with web servers and the shop's packages, all compiled, and a copy of the shop."""

    def __init__(self, work: Path, project: Path = REPOSITORY / "sample_shop", packages: Sequence[str] = ()) -> None:
        self.folder = work / "venv"
        self.project = Path(shutil.copytree(project, work / project.name, ignore=_ignored))
        self.environment = {"PATH": f"{self.folder / 'bin'}:{os.defpath}", "HOME": str(work)}
        uv = Path(sys.executable).with_name("uv")

        def run(*command: str | Path) -> None:
            subprocess.run(command, check=True, capture_output=True)

        run(uv, "venv", "--no-project", "--python", sys.base_prefix + "/bin/python3", self.folder)
        install = (uv, "pip", "install", "--python", self.python)
        run(*install, *SERVERS, *packages, *_pinned("django", "asgiref", "sqlparse", "pillow", "cronsim"))
        run(*install, "--no-deps", REPOSITORY)
        run(self.python, "-m", "compileall", "-q", self.folder / "lib", self.project)

    def servers(self, module: str) -> Iterator[tuple[str, list[str | Path]]]:
        """Yield names and commands of servers for the WSGI application of `module`, on the port {port}."""
        programs, workers, threads = self.folder / "bin", str(WORKERS), str(THREADS)
        gunicorn: list[str | Path] = [programs / "gunicorn", module, "--bind", "127.0.0.1:{port}", "--workers", workers]
        granian: list[str | Path] = [programs / "granian", f"{module}:application", "--interface", "wsgi"]
        granian += ["--port", "{port}"]
        yield "gunicorn", gunicorn
        yield "gunicorn, threads", [*gunicorn, "--threads", threads]
        yield "Granian", [*granian, "--workers", workers, "--blocking-threads", threads]

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


def _pinned(*names: str) -> list[str]:
    """Return requirements with the versions that the bundle is built with."""
    return [f"{name}=={version(name)}" for name in names]


def _ignored(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in ("__pycache__", "cache", "media") or name.endswith(".sqlite3")}
