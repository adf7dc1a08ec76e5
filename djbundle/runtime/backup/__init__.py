"""Backups: one file with the databases and the uploads of a site, as of one moment.

1. contents.py asks the settings what belongs to the site.
2. snapshot.py reads a SQLite database as of one moment, while others write to it.
3. writing.py writes all of it into one file, compressed and with checksums; layout.py names the members of that file.
   encryption.py encrypts that file, and checksum.py lets anybody check it without the key.
4. reading.py unpacks it. restoring.py checks that it fits the site, and plans the restore. exchange.py swaps the files.
5. schedule.py makes backups regularly. retention.py decides which older ones are kept, and stores/ keeps copies
   elsewhere. proving.py restores one beside the site; attempts.py and outcomes.py record and tell what failed.
"""
