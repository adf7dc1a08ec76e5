"""Database engines."""

SQLITE = ("sqlite3", "spatialite")  # how the names of engines end that need no server
