"""The places outside of this machine that keep copies of backups.

store.py says what they all do. bucket.py and sftp.py are the two kinds, and places.py finds the one that a URL names.
"""
