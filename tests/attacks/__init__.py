"""Attacks of strangers, of other users of the machine and of single tasks. None of them may succeed."""
