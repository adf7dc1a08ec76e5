"""An empty inbox for a worker whose tasks another backend runs: it has a relay, and no keys come.

So this worker runs the tasks with a limit, which are not sent, and does all else that a worker does: schedules, rescue
and pruning.
"""

import selectors
from collections.abc import Callable, Sequence
from functools import partial

from djbundle.tasks.engine.destination import MakeDestination
from djbundle.tasks.engine.helper_process import HelperProcess
from djbundle.tasks.engine.relay import run_relay
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.pending_writes import PendingWrites


class RelayOnly:
    """An inbox, as worker/inbox.py describes it, that stays empty."""

    def __init__(
        self,
        make_destination: MakeDestination,
        _queues: Sequence[str],
        selector: selectors.BaseSelector,
        close_in_child: Callable[[], None],
    ) -> None:
        run = partial(run_relay, make_destination, Identity.of_this_process())
        self._relay = HelperProcess("relay", run, selector, close_in_child, lambda _line: None)

    @property
    def seconds_left(self) -> float:
        return self._relay.seconds_left

    def start_missing_processes(self) -> None:
        self._relay.start_if_missing()

    def wake_relay(self) -> None:
        self._relay.send(b"")

    def take(self) -> list[int]:
        return []

    def take_runs(self, room: int) -> list[Run]:  # noqa: ARG002 - as it is called
        return []

    @property
    def rows(self) -> dict[int, int]:
        return {}

    def settle(self, writes: PendingWrites) -> None:
        pass

    def acknowledge_written(self) -> None:
        pass

    def give_back(self, keys: Sequence[int], *, is_refused: bool) -> None:
        pass

    def grant(self, room: int) -> None:
        pass

    def stop_receiving(self) -> None:
        pass

    def stop(self) -> None:
        self._relay.finish()
        self._relay.stop()

    def close(self) -> None:
        self._relay.close()
