"""Starts a process that runs tasks as a new program, which loads the site for itself.

A forked process has none of the threads that the site has started in the worker, and a lock that one of them holds is
never free in it. The new program inherits the pipe to the worker, and the memory in which it counts its runs.
"""

import json
import os
import socket
from typing import NamedTuple, NoReturn

from djbundle.common.own_environment import own_environment
from djbundle.common.processes import die_with_parent
from djbundle.tasks.worker.assignments import Assignments
from djbundle.tasks.worker.pipe import ProcessEnd
from djbundle.tasks.worker.process.main import run_child


class NewProgram(NamedTuple):
    """A program that loads the site, then calls `run_inherited` with its last argument."""

    path: str
    arguments: tuple[str, ...]  # its name, and what follows


def become(
    program: NewProgram, pipe: socket.socket, assignments: Assignments, threads: int, parent: int, *, alone: bool
) -> NoReturn:
    """Become the program, in a process that the worker has just forked. End the process if that fails."""
    try:
        die_with_parent(parent)  # an exec keeps this
        inherited = {
            "pipe": pipe.fileno(),
            "counts": assignments.file,
            "threads": threads,
            "parent": parent,
            "alone": alone,
        }
        for number in (pipe.fileno(), assignments.file):
            if number is not None:
                os.set_inheritable(number, True)
        os.execve(program.path, [*program.arguments, json.dumps(inherited)], own_environment())  # noqa: S606 - no shell
    finally:
        os._exit(1)


def run_inherited(text: str) -> NoReturn:
    """Run tasks as a forked process would. `text` tells what the process has inherited."""
    inherited = json.loads(text)
    os.set_inheritable(inherited["pipe"], False)
    pipe = ProcessEnd(socket.socket(fileno=inherited["pipe"]))
    assignments = Assignments.inherited(inherited["counts"])
    run_child(pipe, inherited["threads"], assignments.set_started, inherited["parent"], alone=inherited["alone"])
