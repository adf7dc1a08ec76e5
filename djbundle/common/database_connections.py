"""Closes what no process may inherit from the one that forks it: database connections, and Django's pools of them."""

from typing import Any

from django.db import connections


def close_connections() -> None:
    """Close the connections of this process and Django's pools before it forks.

    A forked process has none of the threads of a pool.
    """
    connections.close_all()
    for pools in {id(pools): pools for pools in map(pools_of, connections.all(initialized_only=True))}.values():
        for alias in list(pools):
            connections[alias].close_pool()  # type: ignore[attr-defined]


def pools_of(connection: Any) -> dict[str, Any]:
    """Return the pools of all connections of its kind, by alias."""
    pools: dict[str, Any] = getattr(connection, "_connection_pools", {})
    return pools
