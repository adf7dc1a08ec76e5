"""A relay without a worker, for machines that enqueue tasks and run none: they need no inbound path for new tasks."""

import contextlib
import selectors
import threading
from collections.abc import Callable
from functools import partial

from djbundle.tasks.engine.destination import MakeDestination
from djbundle.tasks.engine.helper_process import HelperProcess
from djbundle.tasks.engine.relay import run_relay
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.notifier import Notifier

CHECK_INTERVAL = 1.0  # seconds between calls of the watchdog


def keep_relay_running(make_destination: MakeDestination, notify_watchdog: Callable[[], None]) -> None:
    """Run a relay in a process of its own until SIGTERM or SIGINT. Start it again with backoff whenever it has failed.

    On a signal, it sends what is due, and ends. This process itself asks neither the broker nor the database, so it
    survives the outages of both.
    """
    stopped = threading.Event()
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        notifier = Notifier(selector, lambda *_: stopped.set())  # only for signals; commits wake the relay itself
        notifier.open(stack)

        def close_in_child() -> None:
            selector.close()
            notifier.close_in_child()

        run = partial(run_relay, make_destination, Identity.of_this_process())
        relay = HelperProcess("relay", run, selector, close_in_child, lambda _line: None)
        stack.callback(relay.stop)
        stack.callback(relay.finish)
        while not stopped.is_set():
            notify_watchdog()
            relay.start_if_missing()
            for key, _ in selector.select(min(relay.seconds_left, CHECK_INTERVAL)):
                key.data()
