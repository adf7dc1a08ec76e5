"""The databases before a start: SQLite's options, migrations, backups."""
