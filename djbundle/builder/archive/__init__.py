"""Packs the tree into compressed blocks, and writes the bundle."""
