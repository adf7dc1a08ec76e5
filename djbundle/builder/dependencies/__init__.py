"""Decide which packages go into the bundle, and which modules are compiled."""
