"""The worker's side of the broker: the keys that have come, and the processes that bring and send them."""

import selectors
from collections.abc import Callable, Sequence
from functools import partial

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine import sending
from djbundle.tasks.engine.broker import Broker
from djbundle.tasks.engine.helper_process import HelperProcess
from djbundle.tasks.engine.receiver import Receiver
from djbundle.tasks.engine.relay import run_relay
from djbundle.tasks.store.worker_identity import Identity


class Inbox:
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
            self._forget_credit,
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
        """Let these be sent again: at once, or if no worker may have room for them, a moment later."""
        sending.unmark(keys, is_refused=is_refused)

    def grant(self, room: int) -> None:
        """Let so many keys come in all."""
        if room > self._credit:
            self._receiver.send(b"%d" % (room - self._credit))
            self._credit = room

    def _add(self, line: bytes) -> None:
        keys = [int(key) for key in line.split(b",")]
        self._credit -= len(keys)
        self._keys += keys

    def _forget_credit(self) -> None:
        self._credit = 0

    def stop_receiving(self) -> None:
        """Take no more keys, and let those that have come be sent to another worker."""
        self._receiver.stop()
        if keys := self.take():
            sending.unmark(keys)

    def stop(self) -> None:
        """End the processes. The relay first sends what it has begun to send."""
        self._receiver.stop()
        self._relay.finish()

    def close(self) -> None:
        """Close the sockets, in a forked process."""
        for helper in self._helpers:
            helper.close()
