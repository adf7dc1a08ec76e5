"""Find the error in the output of a command or in a log."""

import re
from itertools import pairwise

TRACEBACK = "Traceback (most recent call last):"
CHAINED = ("the direct cause of the following exception:", "another exception occurred:")
EXCEPTION_LINE = re.compile(r"[A-Za-z_][\w.]*(?::|$)")  # the start of a traceback's last line
CHECK_ERRORS = ("CRITICALS:", "ERRORS:")  # headings above messages of Django's system checks
CHECK_WARNINGS = "WARNINGS:"  # the heading above its warnings


def error_in_output(stderr: str) -> str:
    """Return the error in what a command printed.

    It looks, in this order, for djbundle's own error, the first message of Django's checks, the exception, the last
    line.
    """
    lines = stderr.strip().splitlines()
    if own_error := next((line for line in lines if line.startswith("error: ")), ""):
        return own_error.removeprefix("error: ")
    if messages := [following for line, following in pairwise(lines) if line in CHECK_ERRORS]:
        return messages[0]
    return exception_in(stderr) or " ".join(lines[-1:])


def last_traceback(stderr: str) -> str:
    """Return the last traceback and those chained to it, without other output before and after."""
    *before, last = stderr.split(TRACEBACK)
    if not before:
        return ""
    end = exception_in(TRACEBACK + last)
    chain = last.partition(end)[0] if end else last
    for block in reversed(before):
        if not block.rstrip().endswith(CHAINED):
            break
        chain = block + chain
    return chain


def exception_in(trace: str) -> str:
    """Return the first line of the exception raised last, whose message may have several lines."""
    last = [line for line in trace.rpartition("Traceback ")[2].splitlines()[1:] if line[:1].strip()]
    return next(filter(EXCEPTION_LINE.match, last), "")  # other threads may print between its lines
