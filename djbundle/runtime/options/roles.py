"""The roles that one ``serve`` has. On several machines, each may have its own."""

from argparse import ArgumentTypeError
from collections.abc import Set as AbstractSet
from enum import StrEnum


class Role(StrEnum):
    WEB = "web"  # answers requests
    WORKER = "worker"  # runs tasks
    SCHEDULER = "scheduler"  # enqueues the ticks of schedules


ALL_ROLES = frozenset(Role)
NAMES = ",".join(Role)


def parse_roles(text: str) -> frozenset[Role]:
    """Parse a list such as "web,scheduler"."""
    names = [name.strip() for name in text.split(",")]
    try:
        return frozenset(map(Role, names))
    except ValueError:
        raise ArgumentTypeError(f'"{text}" is not a list of roles; write some of {NAMES}') from None


def names_of(roles: AbstractSet[Role]) -> str:
    """Return the names of the roles, in their usual order."""
    return ", ".join(role for role in Role if role in roles)
