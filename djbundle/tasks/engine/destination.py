"""The destination of a relay: a broker (broker.py), or another backend of ``django.tasks`` (adapter.py)."""

from collections.abc import Callable, Sequence
from typing import Protocol


class Destination(Protocol):
    is_slow: bool  # sending takes long, so each message carries many tasks
    errors: tuple[type[BaseException], ...]  # raised when it does not answer

    def publish(self, name: str, keys: Sequence[int]) -> None:
        """Send the keys of rows to a queue. Raise one of `errors` if it is not taken."""
        ...

    def check(self) -> None:
        """Raise one of `errors` unless it answers. It is called every few seconds."""
        ...

    def forget_queues(self) -> None:
        """Declare the queues again before the next message."""
        ...

    def describe(self, error: BaseException) -> str:
        """Return a line about one of `errors`."""
        ...


MakeDestination = Callable[[], Destination]
