"""Makes settings overlays from the values of a test."""

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.settings.overlay import Overlay


def make_bundle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Make a bundle. The SQLite version is not checked: this interpreter's may be older than a bundle's."""
    monkeypatch.setattr("djbundle.runtime.database.sqlite.check_version", lambda: None)
    (folder / "data").mkdir()
    manifest: Any = SimpleNamespace(name="shop", static_root="_static", interface="wsgi", variables=())
    return Bundle(folder / "tree", manifest, "./shop", folder / "data")


def overlay_of(bundle: Bundle, **values: object) -> Overlay:
    module = ModuleType("project_settings")
    vars(module).update(values)
    return Overlay(module, bundle, "serve")
