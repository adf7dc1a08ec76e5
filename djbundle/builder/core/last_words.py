"""What went wrong, in what a command or a log has printed."""

import re
from itertools import pairwise

TRACEBACK = "Traceback (most recent call last):"
CHAINED = ("the direct cause of the following exception:", "another exception occurred:")
RAISED = re.compile(r"[A-Za-z_][\w.]*(?::|$)")  # how the last line of a traceback begins
CHECKS = ("CRITICALS:", "ERRORS:")  # lines before those of Django's system checks
HARMLESS = "WARNINGS:"  # the same


def last_words(stderr: str) -> str:
    """Of a command: our own error, the first of Django's checks, what was raised, or whatever came last."""
    lines = stderr.strip().splitlines()
    if ours := next((line for line in lines if line.startswith("error: ")), ""):
        return ours.removeprefix("error: ")
    if checks := [following for line, following in pairwise(lines) if line in CHECKS]:
        return checks[0]
    return error_of(stderr) or " ".join(lines[-1:])


def last_chain(stderr: str) -> str:
    """The last traceback and those that led to it, without what was printed before and after."""
    *before, last = stderr.split(TRACEBACK)
    if not before:
        return ""
    end = error_of(TRACEBACK + last)
    chain = last.partition(end)[0] if end else last
    for block in reversed(before):
        if not block.rstrip().endswith(CHAINED):
            break
        chain = block + chain
    return chain


def error_of(trace: str) -> str:
    """The first line of what was raised last, which may have several."""
    last = [line for line in trace.rpartition("Traceback ")[2].splitlines()[1:] if line[:1].strip()]
    return next(filter(RAISED.match, last), "")  # other threads may print between its lines
