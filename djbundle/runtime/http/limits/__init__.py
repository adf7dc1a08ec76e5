"""The limits on what one client may hold of a web process: bodies, responses, memory, connections."""
