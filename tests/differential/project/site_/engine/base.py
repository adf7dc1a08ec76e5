"""SQLite under another name, as libraries wrap it."""

from django.db.backends.sqlite3.base import DatabaseWrapper as Base


class DatabaseWrapper(Base):
    pass
