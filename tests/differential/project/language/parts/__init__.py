"""Helpers that ask nothing."""

LOADED = []
