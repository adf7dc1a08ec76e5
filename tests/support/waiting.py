"""Waits for a condition, with a time limit and a reason."""

import time
from collections.abc import Callable


def wait_until[T](condition: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    """Return the first true value of `condition`. Fail after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
    return value
