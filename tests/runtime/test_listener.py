"""Listening sockets: the options that connections inherit, and a port that only our own sockets share."""

import socket

import pytest

from djbundle.errors import AddressError
from djbundle.runtime.net.addresses import Tcp
from djbundle.runtime.net.sockets import UNSENT_LIMIT, listen_tcp


@pytest.mark.parametrize(("option", "value"), [(socket.TCP_NODELAY, 1), (socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT)])
def test_options_are_inherited(option: int, value: int) -> None:
    (listener,) = listen_tcp(Tcp("127.0.0.1", 0), 1, "--bind")
    with listener, socket.create_connection(listener.getsockname()):
        connection, _address = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, option) == value


def test_a_port_is_shared_by_our_own_sockets_only() -> None:
    sockets = listen_tcp(Tcp("127.0.0.1", 0), 3, "--bind")
    try:
        (port,) = {each.getsockname()[1] for each in sockets}
        with pytest.raises(AddressError, match="in use by another program"):
            listen_tcp(Tcp("127.0.0.1", port), 3, "--bind")
    finally:
        for each in sockets:
            each.close()
