"""Raises."""

VALUE = 1 / 0
