"""A module that notes which names it was asked for."""

asked = []


def __getattr__(name):
    asked.append(name)
    return []
