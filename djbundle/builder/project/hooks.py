"""Commands to run before a build reads the project's files: ``before = ["npm run build"]`` in [tool.djbundle]."""

import os
import subprocess
import sys
from pathlib import Path

from djbundle.builder.project.project import Project
from djbundle.errors import BeforeError

SHOWN_LINES = 20  # last lines of a failed command's output that are shown


def run_before(command: str, project: Project, environment: dict[str, str]) -> None:
    """Run a command by the shell in the project's folder, with the build's `python` and settings.

    If it fails, print the end of its output and raise BeforeError.
    """
    settings = project.settings_variables()
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    result = subprocess.run(  # noqa: S602 - by the shell: the project's own words, as in a Makefile
        command,
        shell=True,
        cwd=project.root,
        env=os.environ | {"PATH": programs} | settings | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if result.returncode:
        lines = result.stdout.decode(errors="replace").rstrip().splitlines()[-SHOWN_LINES:]
        sys.stderr.writelines(f"  | {line}\n" for line in lines)
        raise BeforeError(
            f"`{command}` ended with code {result.returncode}",
            f"make it work in {project.root}, or take it out of `before` in [tool.djbundle]",
        )
