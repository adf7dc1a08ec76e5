"""Addresses, listening sockets, and trusted proxies."""
