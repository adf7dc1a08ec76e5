"""A running site hands over to another version of itself, and drops no request."""
