"""``./shop move``: from the embedded SQLite to PostgreSQL while the site serves, and back.

cli/move has the steps in order. A `Side` is one of the two databases. Values cross as text, see kinds.py.
"""
