"""Knows nobody, and only refuses, as the one of django-axes does."""

from typing import Any


class Lockout:
    def authenticate(self, _request: Any, **_credentials: Any) -> None:
        """Nobody is locked out."""
