"""Modules that every part of a running bundle uses: the bundle, its data directory, its environment."""
