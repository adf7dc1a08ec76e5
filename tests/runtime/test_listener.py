"""Socket options that connections inherit from the listening sockets that accept them."""

import socket

import pytest

from djbundle.runtime.net.addresses import Tcp
from djbundle.runtime.net.sockets import UNSENT_LIMIT, listen_tcp


@pytest.mark.parametrize(("option", "value"), [(socket.TCP_NODELAY, 1), (socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT)])
def test_options_are_inherited(option: int, value: int) -> None:
    (listener,) = listen_tcp(Tcp("127.0.0.1", 0), 1, "--bind")
    with listener, socket.create_connection(listener.getsockname()):
        connection, _address = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, option) == value
