"""``./shop move postgres://...``: the site moves from its SQLite to PostgreSQL while it serves, and back.

1. Rehearse: make the tables there by the project's migrations, and check each row against them.
2. Copy all rows as of one moment, while triggers record the changes.
3. Follow the changes, and compare both databases.
4. Switch by a handover (switch.py): the last changes, the numbers of new rows, one file.

The SQLite file stays. From then on PostgreSQL records the changes, so that ``move --back`` can bring it there.
"""
