"""Distinguishes lines of the project from those of packages: messages name code that the developer can change."""

from collections.abc import Callable
from types import FrameType


def is_of_project() -> Callable[[FrameType], bool]:
    """Return a test for frames of the project's modules: those that are compiled, or whose source is in the bundle."""
    try:
        from _project_facts import COMPILED, SOURCES  # type: ignore[import-not-found]  # noqa: PLC0415 - only in a bundle
    except ImportError:
        return lambda frame: False  # noqa: ARG005 - as it is called
    own = {*COMPILED, *SOURCES}
    return lambda frame: frame.f_globals.get("__name__") in own
