"""Parsers of numbers in command options. Each raises ArgumentTypeError with the reason, and argparse prints it."""

import math
from argparse import ArgumentTypeError

MAX_SECONDS = 1e9  # seconds
MAX_DAYS = 36_500
MAX_COUNT = 10_000


def count(text: str) -> int:
    """Parse a number of processes or threads."""
    number = limit(text)
    if not 1 <= number <= MAX_COUNT:
        raise ArgumentTypeError(f"must be from 1 to {MAX_COUNT}, not {text}")
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
    if not math.isfinite(number) or not 0 <= number <= MAX_SECONDS:
        raise ArgumentTypeError(f"must be from 0 to {MAX_SECONDS:.0f} seconds, not {text}")
    return number


def days(text: str) -> float:
    """Parse an age in days."""
    number = seconds(text)
    if number > MAX_DAYS:
        raise ArgumentTypeError(f"must be from 0 to {MAX_DAYS} days, not {text}")
    return number


def pause(text: str) -> float:
    """Parse the seconds between two polls."""
    number = seconds(text)
    if number <= 0:
        raise ArgumentTypeError(f"must be above 0 seconds, not {text}")
    return number
