"""Finds the files of SQLite that a project names: the databases of its site, and those that it only reads."""

from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, unquote, urlsplit

from djbundle.common.backends import is_sqlite


def file_opened_for_reading(database: object) -> str | None:
    """Return the absolute path of the file in a URI of SQLite that allows no writes; None for any other database."""
    if not isinstance(database, str) or not database.startswith("file:"):
        return None
    parts = urlsplit(database)
    options = parse_qs(parts.query)
    is_read_only = options.get("mode") == ["ro"] or options.get("immutable") == ["1"]
    return str(Path(unquote(parts.path)).absolute()) if is_read_only and parts.path else None


def sqlite_files(module: ModuleType) -> list[str]:
    """Return the absolute paths of the files of SQLite that the settings name as databases."""
    databases = getattr(module, "DATABASES", {}).values()
    names = [str(each.get("NAME", "")) for each in databases if is_sqlite(each.get("ENGINE", ""))]
    return [str(Path(unquote(urlsplit(name).path) if name.startswith("file:") else name).absolute()) for name in names]
