"""The worker's side of the broker: the keys that have come, and the processes that receive and send."""

import selectors
from collections.abc import Callable, Sequence
from functools import partial

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine import sending
from djbundle.tasks.engine.broker import Broker
from djbundle.tasks.engine.direct_runs import DirectRuns
from djbundle.tasks.engine.helper_process import HelperProcess
from djbundle.tasks.engine.receiver import ACKNOWLEDGE, STOP, TASKS, Receiver
from djbundle.tasks.engine.relay import run_relay
from djbundle.tasks.engine.transport_options import visibility_timeout
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.pending_writes import PendingWrites


class BrokerInbox:
    """Receives keys from the broker of `url`. `close_in_child` closes what its processes inherit from the worker."""

    def __init__(
        self,
        url: BrokerUrl,
        queues: Sequence[str],
        selector: selectors.BaseSelector,
        close_in_child: Callable[[], None],
    ) -> None:
        names = sending.queues_of(queues)
        self._keys: list[int] = []
        self._is_direct, self._is_stopping = not url.has_rows, False
        self.direct = DirectRuns(Identity.of_this_process(), self._acknowledge, visibility_timeout(url) / 4)
        self._credit = 0  # granted, and not used yet

        def close_others() -> None:
            close_in_child()
            self.close()

        self._receiver = HelperProcess(
            "receiver",
            lambda sock: Receiver(url, names, sock).run(),
            selector,
            close_others,
            self._add,
            self._forget_receiver,
        )
        self._relay = HelperProcess(
            "relay",
            partial(run_relay, partial(Broker, url), Identity.of_this_process()),
            selector,
            close_others,
            lambda _line: None,
        )
        self._helpers = [self._relay, self._receiver]

    def start_missing_processes(self) -> None:
        for helper in self._helpers:
            helper.start_if_missing()

    @property
    def seconds_left(self) -> float:
        """The seconds until a process is started again."""
        return min(helper.seconds_left for helper in self._helpers)

    def wake_relay(self) -> None:
        """Have the relay look for tasks now: another machine has committed some."""
        self._relay.send(b"")

    def take(self) -> list[int]:
        """Return the keys that have come since the last call."""
        keys, self._keys = self._keys, []
        return keys

    def give_back(self, keys: Sequence[int], *, is_refused: bool) -> None:
        """Have these keys sent again: at once, or a moment later if all workers may be busy."""
        sending.unmark(keys, is_refused=is_refused)

    def grant(self, room: int) -> None:
        """Grant credit for `room` keys in all."""
        room -= len(self.direct.waiting)
        if room > self._credit and not self._is_stopping:
            self._receiver.send(b"%d" % (room - self._credit))
            self._credit = room

    def take_runs(self, room: int) -> list[Run]:
        """Return up to `room` runs of whole tasks that have come."""
        return self.direct.take(room)

    def settle(self, writes: PendingWrites) -> None:
        """Give rows to direct runs whose outcomes must be written. Drop the others."""
        if self._is_stopping:
            self.direct.return_waiting()
        self.direct.settle(writes)

    def acknowledge_written(self) -> None:
        """Acknowledge the messages whose tasks need no more writes."""
        self.direct.acknowledge_written()

    @property
    def rows(self) -> dict[int, int]:
        """The keys of the runs that came without rows and got them, by the keys of these rows."""
        return self.direct.rows

    def _acknowledge(self, message: int) -> None:
        self._receiver.send(ACKNOWLEDGE + b"%d" % message)

    def _add(self, line: bytes) -> None:
        if line.startswith(TASKS):
            number, is_redelivered, tasks = line.removeprefix(TASKS).split(b" ", 2)
            self._credit -= self.direct.receive(int(number), tasks, is_redelivered=is_redelivered != b"0")
            return
        keys = [int(key) for key in line.split(b",")]
        self._credit -= len(keys)
        self._keys += keys

    def _forget_receiver(self) -> None:
        self._credit = 0
        self.direct.forget_messages()

    def stop_receiving(self) -> None:
        """Take no more keys, and have those that have come sent to another worker."""
        self._is_stopping = True
        if self._is_direct:  # it is needed for acknowledgements
            self._receiver.send(STOP)
        else:
            self._receiver.stop()
        if keys := self.take():
            sending.unmark(keys)

    def stop(self) -> None:
        """End the processes. The relay first sends what it has begun to send."""
        if self._is_direct:
            self._receiver.finish()
        self._relay.finish()
        for helper in self._helpers:
            helper.stop()

    def close(self) -> None:
        """Close the sockets, in a forked process."""
        for helper in self._helpers:
            helper.close()
