"""Compares moments, of which some may be unknown."""

import datetime
from itertools import pairwise


def in_order(*moments: datetime.datetime | None) -> bool:
    """Return whether all are known, and none is before the one to its left."""
    return all(one and other and one <= other for one, other in pairwise(moments))
