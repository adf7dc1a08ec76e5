"""A module whose functions of PEP 562 are none: only a name that is not there calls them."""

__getattr__ = "no function"
__dir__ = "no function"
here = 1
