"""A module that Nuitka cannot compile: an import from above the top package."""


def relative():
    from . import closures
    from .. import language as nothing

    return closures.__name__
