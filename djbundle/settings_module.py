"""The project's settings module, imported and changed before Django reads it: by the build and by the running site."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

CLASS_VARIABLE = "DJANGO_CONFIGURATION"  # of django-configurations


def import_settings(name: str) -> ModuleType:
    with configured(name):
        return importlib.import_module(name)


@contextlib.contextmanager
def configured(name: str) -> Iterator[None]:
    """While the module of that name is loaded. With django-configurations, it gets what the class that the environment
    names makes of it.
    """
    chosen = os.environ.get(CLASS_VARIABLE)
    if not chosen or not find_spec("configurations"):
        yield
        return
    importer: Any = importlib.import_module("configurations.importer")
    importer.install()
    yield
    if not hasattr(sys.modules[name], "CONFIGURATION"):  # its own finder knows no module but one in a file
        importer.ConfigurationLoader(chosen, None).load_module(name)


@contextlib.contextmanager
def changing(module: ModuleType) -> Iterator[None]:
    """Have ``django.conf.settings`` see what is changed in this block.

    A module that reads those while it is imported has them set up of what it holds by then: that is forgotten. dynaconf
    puts an object of its own in their place, filled already, for all who ask for them later: that is told the changes.
    """
    before = {name: _copied(value) for name, value in vars(module).items() if name.isupper()}
    yield
    import django.conf  # noqa: F401, PLC0415 - after the module, which may put another one into sys.modules
    from django.utils.functional import empty  # noqa: PLC0415

    conf = sys.modules["django.conf"]
    used, own = conf.settings, vars(conf)["settings"]
    if isinstance(own, conf.LazySettings):
        own._wrapped = empty
    if not isinstance(used, conf.LazySettings):
        for name, value in list(vars(module).items()):
            if name.isupper() and (name not in before or before[name] != value):
                setattr(used, name, value)


def _copied(value: Any) -> Any:
    """So that what is changed in it shows."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [*map(_copied, value)] if isinstance(value, list) else value


def like(given: object, path: Path) -> str | Path:
    """`path`, to take the place of the setting `given`: a text for a text, since a project may go on with either."""
    return path if isinstance(given, Path) else str(path)
