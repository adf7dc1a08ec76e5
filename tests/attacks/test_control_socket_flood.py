"""Whoever may connect to the control socket harms no supervisor. Other users may not connect."""

import json
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Never

import pytest

from djbundle.runtime.handover import control_socket
from djbundle.runtime.handover.control_socket import ControlClient, ControlSocket
from djbundle.runtime.handover.messages import Message
from djbundle.runtime.process.privileges import with_umask
from djbundle.runtime.process.supervisor import Supervisor
from tests.attacks.neighbours import NEIGHBOUR, only_root

MANY = 200


class Loop:
    """The loop of a supervisor, one turn for each call."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.supervisor = Supervisor([], grace=1, is_proven=True)
        self.handle: Callable[[Message], object] = bool
        self.control = ControlSocket(data, self.supervisor, self._answer)

    def _answer(self, request: Message, client: ControlClient) -> None:
        self.handle(request)
        client.send(**request)
        client.close()

    def turn(self) -> None:
        for key, _ in self.supervisor.selector.select(0):
            key.data()
        self.supervisor.act_on_time()

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self.data / control_socket.NAME))
        connection.setblocking(False)
        self.turn()
        return connection

    def ask(self) -> bytes:
        """Send a request, and return the answer."""
        with self.connect() as connection:
            connection.sendall(b'{"command": "status"}')
            self.turn()
            return connection.recv(4096)

    def close(self) -> None:
        for each in (self.control._listener, *self.control._waiting):
            each.close()
        self.supervisor.selector.close()

    @property
    def watched(self) -> int:
        """The number of descriptors that the loop watches."""
        return len(self.supervisor.selector.get_map())


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    loop = Loop(tmp_path)
    yield loop
    loop.close()


ANSWER = {"command": "status"}


def test_connections_that_ask_nothing(loop: Loop) -> None:
    """The oldest make room for new ones, even if they speak or leave in the same turn."""
    silent = [loop.connect() for _ in range(MANY)]
    assert loop.watched <= 1 + control_socket.MAX_WAITING
    for each in silent:
        each.close()
    assert json.loads(loop.ask()) == ANSWER


def test_connections_that_speak_in_the_turn_in_which_they_are_dropped(loop: Loop) -> None:
    waiting = [loop.connect() for _ in range(control_socket.MAX_WAITING)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as another:
        another.connect(str(loop.data / control_socket.NAME))
        for each in waiting:
            each.send(b'{"command": "status"}')
        loop.turn()
    assert json.loads(loop.ask()) == ANSWER
    for each in waiting:
        each.close()


def test_a_connection_that_asks_nothing_is_dropped_in_time(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "REQUEST_TIMEOUT", 0.05)
    with loop.connect() as first, loop.connect() as second:
        assert loop.watched == 3
        end = time.monotonic() + 30
        while loop.watched > 1 and time.monotonic() < end:
            loop.turn()
        assert (first.recv(1), second.recv(1)) == (b"", b"")


class FullListener(socket.socket):
    """A listening socket of a process that may open no more files."""

    def accept(self) -> Never:
        raise OSError("too many open files")


def test_without_a_descriptor_to_spare(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest connection makes room, and the site goes on."""
    with loop.connect() as waiting, FullListener() as full:
        monkeypatch.setattr(loop.control, "_listener", full)
        loop.control._accept()
        loop.control._accept()
        assert waiting.recv(1) == b""
        assert not loop.control._waiting
        monkeypatch.undo()
    assert json.loads(loop.ask()) == ANSWER


def test_a_command_that_fails(loop: Loop, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(_request: Message) -> Never:
        raise ZeroDivisionError

    loop.handle = fail
    assert loop.ask() == b""
    assert "a command failed" in capfd.readouterr().err
    loop.handle = bool
    assert json.loads(loop.ask()) == ANSWER


@contextmanager
def being(user: int) -> Iterator[None]:
    """Be another user for the kernel during the block."""
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


@only_root
def test_other_users_may_not_connect(tmp_path: Path) -> None:
    """The umask does not let them in. If anything did, they would not be heard."""
    tmp_path.chmod(0o755)
    with with_umask(0):
        loop = Loop(tmp_path)
    path = tmp_path / control_socket.NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o666)
    folder = os.open(tmp_path, os.O_PATH)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        with being(NEIGHBOUR):
            stranger.connect(f"/proc/self/fd/{folder}/{control_socket.NAME}")
        stranger.sendall(b'{"command": "status"}')
        loop.turn()
        loop.turn()
        with suppress(ConnectionResetError):
            assert stranger.recv(4096) == b""
    os.close(folder)
    loop.close()
