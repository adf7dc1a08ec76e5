"""Pack the tree into compressed blocks, and write the bundle."""
