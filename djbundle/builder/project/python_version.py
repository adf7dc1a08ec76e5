"""The versions of Python that a bundle can carry: those that ci/pythons has tried."""

import sys
import sysconfig

from djbundle.errors import UnsupportedVersionError

MIN_PYTHON, PYTHON_LIMIT = (3, 12), (3, 16)  # as requires-python in pyproject.toml
EXPERIMENTAL = (3, 15)  # for Nuitka 4.3
EXPERIMENTAL_NOTE = (
    "Nuitka calls Python {version} experimental; [tool.djbundle] bytecode = [...] keeps modules from being compiled"
)
_OTHER = "use a version from 3.12 to 3.15, such as:  uvx --python 3.14 djbundle build"


def check_python() -> None:
    """Refuse a Python that a bundle cannot carry. Nothing else is imported before this."""
    name = sys.version.split()[0]
    check_version(sys.version_info[:2], name)
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise UnsupportedVersionError(f"Python {name} is free-threaded, which djbundle does not support yet", _OTHER)
    if sys.version_info.releaselevel in ("alpha", "beta"):
        raise UnsupportedVersionError(f"Python {name} is not released yet, and Nuitka refuses it", _OTHER)


def check_version(version: tuple[int, int], name: str) -> None:
    """Refuse a version, such as (3, 16), that is too old or was never tried. The message calls it `name`."""
    if version < MIN_PYTHON:
        raise UnsupportedVersionError(f"Python {name} is too old", "build with Python 3.12 or later")
    if version >= PYTHON_LIMIT:
        raise UnsupportedVersionError(f"Python {name} was never tried with this djbundle", _OTHER)


def experimental_note() -> str:
    """Return what a developer must know of this version; "" if it is like any other."""
    version = sys.version_info[:2]
    return EXPERIMENTAL_NOTE.format(version=".".join(map(str, version))) if version >= EXPERIMENTAL else ""
