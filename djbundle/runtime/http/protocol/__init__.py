"""One request and its response: how they are read, checked, changed, sent and counted."""
