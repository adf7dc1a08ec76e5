"""What a project wants done before a build looks at its files: ``before = ["npm run build"]`` in [tool.djbundle]."""

import os
import subprocess
import sys
from pathlib import Path

from djbundle.builder.project.project import Project
from djbundle.errors import BeforeError

SHOWN = 20  # last lines of what a command that failed has said


def run_before(command: str, project: Project, environment: dict[str, str]) -> None:
    """Run it by the shell in the project's folder, `python` and the settings being those of the build.

    Raises BeforeError, and shows the end of what it said.
    """
    settings = project.settings_variables()
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    done = subprocess.run(  # noqa: S602 - by the shell: the project's own words, as in a Makefile
        command,
        shell=True,
        cwd=project.root,
        env=os.environ | {"PATH": programs} | settings | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        said = done.stdout.decode(errors="replace").rstrip().splitlines()[-SHOWN:]
        sys.stderr.writelines(f"  | {line}\n" for line in said)
        raise BeforeError(
            f"`{command}` ended with code {done.returncode}",
            f"make it work in {project.root}, or take it out of `before` in [tool.djbundle]",
        )
