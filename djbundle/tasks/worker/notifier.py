"""Wakes the worker: by a signal, a datagram from this machine, or a NOTIFY from any machine."""

import contextlib
import logging
import os
import selectors
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.db import Error, connections

from djbundle.common.periodic import Periodic
from djbundle.tasks.store import transitions, wakeup

logger = logging.getLogger("djbundle.tasks")

LISTEN_RETRY_INTERVAL = 5.0  # seconds between attempts to get the socket, or a connection that listens

SignalHandler = Callable[[int, FrameType | None], object]


class Subscription:
    """A separate database connection on which LISTEN was executed. Notifications arrive on its socket."""

    def __init__(self, alias: str) -> None:
        self._wrapper = connections.create_connection(alias)
        self._wrapper.settings_dict = wakeup.without_pool(self._wrapper.settings_dict)
        try:
            with self._wrapper.cursor() as cursor:
                cursor.execute(f"LISTEN {wakeup.CHANNEL}")
            self.descriptor: int = self._connection.fileno()
        except BaseException:
            self.close()
            raise

    @property
    def _connection(self) -> Any:
        return self._wrapper.connection

    def receive_all(self) -> None:
        """Receive all that has arrived. Raise the database's error if the connection is lost."""
        with self._wrapper.wrap_database_errors:
            if hasattr(self._connection, "pgconn"):  # psycopg 3
                self._connection.pgconn.consume_input()
                while self._connection.pgconn.notifies():
                    pass
            else:
                self._connection.poll()
                self._connection.notifies.clear()

    def close(self) -> None:
        with contextlib.suppress(Error):
            self._wrapper.close()


class Notifier:
    """Registers all wake-up sources with the worker's selector. `on_notify` is called after a NOTIFY."""

    def __init__(
        self, selector: selectors.BaseSelector, stop: SignalHandler, on_notify: Callable[[], object] = lambda: None
    ) -> None:
        self._selector = selector
        self._stop, self._on_notify = stop, on_notify
        self._signal_sockets: tuple[socket.socket, ...] = ()
        self._receiver: socket.socket | None = None
        self._subscription: Subscription | None = None
        self._listening = Periodic(LISTEN_RETRY_INTERVAL, self._listen)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Register for signals, and have `stack` close everything."""
        stack.callback(self._close)
        self._signal_sockets = socket.socketpair()
        for end in self._signal_sockets:
            end.setblocking(False)
        self._register(self._signal_sockets[0].fileno(), lambda: wakeup.receive_all(self._signal_sockets[0]))
        signal.set_wakeup_fd(self._signal_sockets[1].fileno(), warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, -1)
        for number in (signal.SIGTERM, signal.SIGINT):
            stack.callback(signal.signal, number, signal.signal(number, self._stop))

    def listen(self) -> None:
        """Also register for commits, if that has not been done or the connection was lost."""
        if self._receiver is None or self._subscription is None:
            self._listening.run()

    def _listen(self) -> None:
        alias = transitions.alias()
        if self._receiver is None and (receiver := wakeup.listen(alias)):  # no other worker has it
            self._receiver = receiver
            self._register(receiver.fileno(), lambda: wakeup.receive_all(receiver))
        if self._subscription is None and wakeup.can_notify(connections[alias]):
            try:
                self._subscription = Subscription(alias)
            except Error as error:
                with connections[alias].cursor() as cursor:
                    cursor.execute("SELECT 1")  # raises if the server does not refuse only LISTEN
                logger.warning("no LISTEN, new tasks are looked for instead: %s", str(error).strip())
            else:
                self._register(self._subscription.descriptor, self._receive_notifications)

    def _receive_notifications(self) -> None:
        assert self._subscription  # noqa: S101 - else it is not watched
        try:
            self._subscription.receive_all()
            self._on_notify()
        except Error:
            self._selector.unregister(self._subscription.descriptor)
            self._subscription.close()
            self._subscription = None
            self._listening.due = 0.0

    def _register(self, descriptor: int, callback: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, callback)

    def _close(self) -> None:
        if self._subscription:
            self._subscription.close()
        self._close_sockets()

    def close_in_child(self) -> None:
        """Close what a forked process has inherited, without sending anything to the server."""
        signal.set_wakeup_fd(-1)
        if self._subscription:
            os.close(self._subscription.descriptor)
        self._close_sockets()

    def _close_sockets(self) -> None:
        for each in (*self._signal_sockets, self._receiver):
            if each:
                each.close()
