"""Databases are backed up before their migrations."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.runtime.database.migrations import file_of


@pytest.mark.parametrize(
    ("vendor", "name", "file"),
    [
        ("sqlite", Path("/data/db.sqlite3"), Path("/data/db.sqlite3")),
        ("sqlite", "/data/db.sqlite3", Path("/data/db.sqlite3")),
        ("sqlite", ":memory:", None),
        ("sqlite", "file:shared?mode=memory", None),
        ("postgresql", "shop", None),
    ],
)
def test_file_of_a_database(vendor: str, name: str | Path, file: Path | None) -> None:
    """The vendor decides, not the engine's name: django-prometheus and others have their own engines for SQLite."""
    connection: Any = SimpleNamespace(vendor=vendor, settings_dict={"ENGINE": "somebody.sqlite3", "NAME": name})
    assert file_of(connection) == file
