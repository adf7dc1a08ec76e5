"""The smallest module for each rule of bytecode_rules.py: compiled, `answer` returns something else than in Python."""

import os
from collections.abc import Callable


def status_of(call: Callable[[], object]) -> int:
    """Return the status of a child process that makes the call."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    call()
    os._exit(0)
