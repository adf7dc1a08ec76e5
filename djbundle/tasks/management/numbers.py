"""Parsers of numbers in command options. Each raises ArgumentTypeError with the reason, and argparse prints it."""

import math
from argparse import ArgumentTypeError

LONGEST = 1e9  # seconds
MOST_DAYS = 36_500
MOST_AT_ONCE = 10_000


def count(text: str) -> int:
    """Parse a number of processes or threads."""
    number = limit(text)
    if not 1 <= number <= MOST_AT_ONCE:
        raise ArgumentTypeError(f"must be from 1 to {MOST_AT_ONCE}, not {text}")
    return number


def limit(text: str) -> int:
    """Parse a whole number; 0 means no limit."""
    try:
        number = int(text)
    except ValueError as error:
        raise ArgumentTypeError(f"must be a whole number, not {text!r}") from error
    if number < 0:
        raise ArgumentTypeError(f"must not be below 0, as {text} is")
    return number


def seconds(text: str) -> float:
    """Parse a duration in seconds; 0 means no time."""
    try:
        number = float(text)
    except ValueError as error:
        raise ArgumentTypeError(f"must be a number of seconds, not {text!r}") from error
    if not math.isfinite(number) or not 0 <= number <= LONGEST:
        raise ArgumentTypeError(f"must be from 0 to {LONGEST:.0f} seconds, not {text}")
    return number


def days(text: str) -> float:
    """Parse an age in days."""
    number = seconds(text)
    if number > MOST_DAYS:
        raise ArgumentTypeError(f"must be from 0 to {MOST_DAYS} days, not {text}")
    return number


def pause(text: str) -> float:
    """Parse the seconds between two polls."""
    number = seconds(text)
    if number <= 0:
        raise ArgumentTypeError(f"must be above 0 seconds, not {text}")
    return number
