"""Database engines."""

SQLITE_ENGINES = ("sqlite3", "spatialite")  # the ends of the names of engines that need no server
