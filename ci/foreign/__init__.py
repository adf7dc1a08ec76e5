"""Compares the answers of a project in its own environment with those of its bundle."""
