"""Recognizes databases of SQLite that are named by a URI (see sqlite.org/uri.html)."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


def file_opened_for_reading(database: object) -> str | None:
    """Return the absolute path of the file in a URI of SQLite that allows no writes; None for any other database."""
    if not isinstance(database, str) or not database.startswith("file:"):
        return None
    parts = urlsplit(database)
    options = parse_qs(parts.query)
    is_read_only = options.get("mode") == ["ro"] or options.get("immutable") == ["1"]
    return str(Path(unquote(parts.path)).absolute()) if is_read_only and parts.path else None
