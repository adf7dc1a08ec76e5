"""Backups: one file with the databases and the uploads of a site, as of one moment.

1. contents.py asks the settings what belongs to the site.
2. snapshot.py holds a SQLite database still for readers, without stopping its writers.
3. writing.py writes all of it into one file, compressed and with checksums; layout.py tells what lies where in it.
4. reading.py lays it out again; restoring.py proves that it fits, and plans; exchange.py puts it in place.
5. schedule.py makes backups by itself; retention.py decides which older ones stay.
"""
