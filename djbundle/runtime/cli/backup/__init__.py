"""The commands ``./shop backup`` and ``./shop restore``."""
