"""Copies of the databases of a crawled site, as they were before its first page.

A page may change the response of another one. For example, a second request for a code by mail may be refused.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

FOLDER = "before"  # in the data directory


def keep_databases(data: Path, databases: Mapping[str, str]) -> None:
    """Copy the databases, given by alias as paths relative to the data directory. The site may run meanwhile."""
    (data / FOLDER).mkdir(exist_ok=True)
    for alias, name in databases.items():
        if (data / name).is_file():
            with closing(sqlite3.connect(data / name)) as source, closing(sqlite3.connect(kept(data, alias))) as copy:
                source.backup(copy)


def kept(data: Path, alias: str) -> Path:
    """Return where the copy of a database is, if there is one."""
    return data / FOLDER / f"{alias}.sqlite3"
