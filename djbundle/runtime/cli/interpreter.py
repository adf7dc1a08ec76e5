"""A bundle that was started as an interpreter: ``sys.executable -c``, ``-m`` or a file, as multiprocessing does.

It is an ordinary Python with the bundle's modules. When it imports the project's settings, they get the same changes as
in the bundle's own commands, so it works on the same database.
"""

import os
import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from djbundle.manifest import Manifest
from djbundle.runtime.core import data_directory
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.environment import prepare_environment
from djbundle.runtime.process import privileges
from djbundle.runtime.process.site_variables import load_variables
from djbundle.runtime.settings.import_redirect import redirected
from djbundle.runtime.settings.rules import change_settings
from djbundle.settings_module import loading_settings


class SettingsLoader(Loader):
    """Loads the settings as `loader` does, then changes them."""

    def __init__(self, loader: Loader, root: Path) -> None:
        self._loader = loader
        self._root = root

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        bundle = bundle_of_parent(self._root)
        privileges.enter(bundle.data)
        load_variables(bundle.data)
        prepare_environment(bundle)
        with redirected(bundle, is_dry=False), loading_settings(module.__name__):
            self._loader.exec_module(module)
        change_settings(module, bundle)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def settings_spec(name: str, root: Path) -> ModuleSpec | None:
    """Return the spec of the settings module `name` in the bundle with the tree `root`; None for no such module."""
    spec = find_spec(name)
    if spec is not None and spec.loader is not None:
        spec.loader = SettingsLoader(spec.loader, root)
    return spec


def bundle_of_parent(root: Path) -> Bundle:
    manifest = Manifest.read(root)
    data = data_directory.find_data_directory(manifest.name, None, os.environ)
    return Bundle(root, manifest, sys.executable, data)
