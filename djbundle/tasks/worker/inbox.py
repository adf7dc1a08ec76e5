"""The interface of an inbox, which holds the tasks that a broker brings. engine/ has two of them."""

import selectors
from collections.abc import Callable, Sequence
from typing import Protocol

from djbundle.tasks.store import transitions
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.worker.pending_writes import PendingWrites


class Inbox(Protocol):
    """The tasks that a broker brings, see engine/inbox.py."""

    @property
    def seconds_left(self) -> float:
        """The seconds until one of its processes is to be started again."""
        ...

    def start_missing_processes(self) -> None:
        """Start the processes that talk to the broker, unless they run."""
        ...

    def wake_relay(self) -> None:
        """Have the relay look for tasks now."""
        ...

    def take(self) -> list[int]:
        """Return the keys that have come since the last call."""
        ...

    def take_runs(self, room: int) -> list[Run]:
        """Return up to `room` runs of tasks that came without rows."""
        ...

    def settle(self, writes: PendingWrites) -> None:
        """Give rows to direct runs whose outcomes must be written. Drop the others."""
        ...

    def acknowledge_written(self) -> None:
        """Acknowledge the messages whose tasks need no more writes."""
        ...

    @property
    def rows(self) -> dict[int, int]:
        """The keys of the runs that came without rows and got them, by the keys of these rows."""
        ...

    def give_back(self, keys: Sequence[int], *, is_refused: bool) -> None:
        """Have these keys sent again: at once, or a moment later if all workers may be busy."""
        ...

    def grant(self, room: int) -> None:
        """Grant credit for `room` keys in all."""
        ...

    def stop_receiving(self) -> None:
        """Take no more keys."""
        ...

    def stop(self) -> None:
        """End the processes."""
        ...

    def close(self) -> None:
        """Close the sockets, in a forked process."""
        ...


MakeInbox = Callable[[transitions.Queues, selectors.BaseSelector, Callable[[], None]], Inbox]
