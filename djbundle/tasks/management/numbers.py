"""Numbers in the options of commands. Each raises ArgumentTypeError with what is wrong; argparse prints it."""

import math
from argparse import ArgumentTypeError

LONGEST = 1e9  # seconds
MOST_DAYS = 36_500
MOST_AT_ONCE = 10_000


def count(text: str) -> int:
    """Processes and threads."""
    number = limit(text)
    if not 1 <= number <= MOST_AT_ONCE:
        raise ArgumentTypeError(f"must be from 1 to {MOST_AT_ONCE}, not {text}")
    return number


def limit(text: str) -> int:
    """A whole number; 0 for none."""
    try:
        number = int(text)
    except ValueError as error:
        raise ArgumentTypeError(f"must be a whole number, not {text!r}") from error
    if number < 0:
        raise ArgumentTypeError(f"must not be below 0, as {text} is")
    return number


def seconds(text: str) -> float:
    """How long something may last; 0 for no time."""
    try:
        number = float(text)
    except ValueError as error:
        raise ArgumentTypeError(f"must be a number of seconds, not {text!r}") from error
    if not math.isfinite(number) or not 0 <= number <= LONGEST:
        raise ArgumentTypeError(f"must be from 0 to {LONGEST:.0f} seconds, not {text}")
    return number


def days(text: str) -> float:
    """How long ago something was."""
    number = seconds(text)
    if number > MOST_DAYS:
        raise ArgumentTypeError(f"must be from 0 to {MOST_DAYS} days, not {text}")
    return number


def pause(text: str) -> float:
    """Seconds between two looks."""
    number = seconds(text)
    if number <= 0:
        raise ArgumentTypeError(f"must be above 0 seconds, not {text}")
    return number
