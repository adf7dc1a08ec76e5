"""Addresses, listening sockets, and proxies that are trusted."""
