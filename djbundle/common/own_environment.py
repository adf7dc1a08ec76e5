"""The environment with which a program can become itself once more."""

import os
import sys

COERCED = ("C.UTF-8", "C.utf8", "UTF-8")  # what Python sets LC_CTYPE to where the locale is C, see PEP 538


def own_environment() -> dict[str, str]:
    """Return the environment, without the LC_CTYPE that Python has set in it.

    With the locale C, Python sets this variable and switches its UTF-8 mode on. The same program would find the
    variable, and leave the mode off.
    """
    environment = dict(os.environ)
    if sys.flags.utf8_mode and environment.get("LC_CTYPE") in COERCED:
        del environment["LC_CTYPE"]
    return environment
