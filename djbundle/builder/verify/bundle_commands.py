"""Runs commands of the bundle that is verified."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from djbundle.builder.core.tracebacks import error_in_output
from djbundle.builder.verify.crawl_record import Problem


class BundleCommandError(Exception):
    """A command of the bundle failed; `last_line` is the last line of its output."""

    def __init__(self, problem: Problem, last_line: str) -> None:
        super().__init__(problem)
        self.problem, self.last_line = problem, last_line


class BundleCommands:
    def __init__(self, bundle: Path, environment: Mapping[str, str]) -> None:
        self.bundle, self.environment = bundle, environment

    def run(self, *arguments: str) -> str:
        """Run a command of the bundle, and return its output. Raises BundleCommandError."""
        result = subprocess.run(
            [str(self.bundle), *arguments],
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if result.returncode:
            message = error_in_output(result.stderr) or f"code {result.returncode}"
            problem = Problem(arguments[0], message, result.stderr.strip())
            raise BundleCommandError(problem, "".join(result.stdout.splitlines()[-1:]))
        return result.stdout.strip()

    def run_script(self, script: str, what: str) -> str:
        """Run Python code in the bundle, and return its last line.

        Raises BundleCommandError, with `what` as the command.
        """
        try:
            return self.run("-c", script).splitlines()[-1]
        except BundleCommandError as error:
            raise BundleCommandError(replace(error.problem, what=what), error.last_line) from error
