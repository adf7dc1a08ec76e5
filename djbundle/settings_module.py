"""The project's settings module, imported and changed before Django reads it: by the build and by the running site."""

import importlib
from pathlib import Path
from types import ModuleType


def import_settings(name: str) -> ModuleType:
    """The module, so that ``django.conf.settings`` will see all of it, and what is changed in it.

    A module that reads ``django.conf.settings`` while it is imported has them set up of what it holds by then. Where
    Django imports it, the whole takes their place afterwards; here it is forgotten.
    """
    module = importlib.import_module(name)
    from django.conf import settings  # noqa: PLC0415 - after the module, which may have to set up what Django needs
    from django.utils.functional import empty  # noqa: PLC0415

    settings._wrapped = empty
    return module


def like(given: object, path: Path) -> str | Path:
    """`path`, to take the place of the setting `given`: a text for a text, since a project may go on with either."""
    return path if isinstance(given, Path) else str(path)
