"""Attacks on what is promised, each in the file of its kind."""
