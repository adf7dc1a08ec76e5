"""The layer between Granian and the site: which headers to trust, how much to accept, what to add."""
