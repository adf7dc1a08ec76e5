"""Import the project's settings module, and change it before Django reads it. The build and the running site do so."""

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
INSECURE_KEY = "django-insecure-"  # begins the SECRET_KEY that startproject writes


def import_settings(name: str) -> ModuleType:
    with loading_settings(name):
        return importlib.import_module(name)


@contextlib.contextmanager
def loading_settings(name: str) -> Iterator[None]:
    """Load the settings module `name` inside this block.

    With django-configurations, the module gets the settings of the class that the environment names.
    """
    class_name = os.environ.get(CLASS_VARIABLE)
    if not class_name or not find_spec("configurations"):
        yield
        return
    importer: Any = importlib.import_module("configurations.importer")
    importer.install()
    yield
    if not hasattr(sys.modules[name], "CONFIGURATION"):  # its finder only finds modules that are files
        importer.ConfigurationLoader(class_name, None).load_module(name)


@contextlib.contextmanager
def applying_changes(module: ModuleType) -> Iterator[None]:
    """Apply changes of `module` that are made in this block to ``django.conf.settings``.

    A module that reads those settings while it is imported makes Django set them up too early; they are reset. dynaconf
    replaces them with a filled object of its own, which gets the changed values.
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
    """Copy nested dicts and lists, so that later changes in them can be detected."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [*map(_copied, value)] if isinstance(value, list) else value


def like(setting: object, path: Path) -> str | Path:
    """Return `path` as a replacement for the value `setting`.

    If that is a text, so is the result, because the project's code may rely on it.
    """
    return path if isinstance(setting, Path) else str(path)
