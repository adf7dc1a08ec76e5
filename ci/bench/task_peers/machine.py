"""The servers and virtual environments that all sides share, and the facts about the machine for charts."""

import datetime
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.postgres import Postgres, find_program
from tests.support.redis import Redis

REPOSITORY = Path(__file__).parents[3]
DJANGO = "django>=6.1,<6.2"
SHARED = (DJANGO, "psycopg[binary]>=3.2", "granian>=2.8.7")
VERSIONS = "from importlib.metadata import version; import sys; print(*map(version, sys.argv[1:]))"


@dataclass
class Machine:
    """The machine. Virtual environments are made on first use."""

    work: Path
    postgres: Postgres
    redis: Redis
    pythons: dict[str, Path] = field(default_factory=dict)

    def python_for(self, module: str, packages: list[str]) -> Path:
        """Return the Python of a peer. Raises RuntimeError if its packages cannot be installed."""
        if module not in self.pythons:
            folder = self.work / "venvs" / module
            python = folder / "bin" / "python"
            uv = str(Path(sys.executable).with_name("uv"))
            _run(uv, "venv", "--no-project", "--python", f"{sys.base_prefix}/bin/python3", str(folder))
            _run(uv, "pip", "install", "--python", str(python), *SHARED, *packages)
            if module.startswith("ours"):
                _run(uv, "pip", "install", "--python", str(python), "--no-deps", str(REPOSITORY))
            self.pythons[module] = python
        return self.pythons[module]

    def facts(self, command: str) -> dict[str, str]:
        """Return the facts for the small print of a chart."""
        python = next(iter(self.pythons.values()))
        django, sqlite = _run(str(python), "-c", f"import sqlite3; {VERSIONS}; print(sqlite3.sqlite_version)", "django")
        known = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "CPUs": str(len(os.sched_getaffinity(0))),
            "Python": platform.python_version(),
            "Django": django,
            "SQLite": sqlite,
            "PostgreSQL": _run(find_program("postgres"), "--version")[2],
        }
        if self.redis.program:
            known["Redis"] = _run(self.redis.program, "--version")[2].removeprefix("v=")
        return known | {"command": command}


def version_of(python: Path, requirement: str) -> str:
    """Return the version of the installed distribution that a requirement such as ``celery[redis]`` names."""
    name = requirement.partition("[")[0].partition(">")[0]
    return _run(str(python), "-c", VERSIONS, name)[0]


def free_space(folder: Path) -> int:
    """Return the free bytes of the disk."""
    return shutil.disk_usage(folder).free


def _run(*command: str) -> list[str]:
    """Run a command, and return the words that it printed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(" ".join(done.stderr.split())[-300:])
    return done.stdout.split()
