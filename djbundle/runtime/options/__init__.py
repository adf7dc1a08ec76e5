"""The options of ``serve``."""
