"""Responses that are sent in parts, and counted until the client has taken them."""
