"""Finds the files of SQLite that are the databases of a site."""

from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

from djbundle.common.backends import is_sqlite
from djbundle.common.sqlite_uris import file_opened_for_reading


def sqlite_files(module: ModuleType) -> list[str]:
    """Return the absolute paths of the files of SQLite that the settings name as databases to be written."""
    databases = getattr(module, "DATABASES", {}).values()
    names = [str(each.get("NAME", "")) for each in databases if is_sqlite(each.get("ENGINE", ""))]
    written = [name for name in names if file_opened_for_reading(name) is None]
    return [
        str(Path(unquote(urlsplit(name).path) if name.startswith("file:") else name).absolute()) for name in written
    ]
