"""Processes at both ends of a control socket may send anything: the result is a status, a step, or one clear error."""

import json
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from djbundle.errors import NotServingError, UnhealthyError, UpgradeError
from djbundle.runtime.cli import healthcheck, reporting, status, upgrade
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover import control_socket
from djbundle.runtime.handover.migration_plan import ask_for_plan
from djbundle.runtime.handover.new_version import NewVersion
from djbundle.runtime.process import counters
from djbundle.runtime.process.counters import HEADER, MAGIC, SLOT, Scoreboard
from tests.bundle.test_upgrade import site  # noqa: F401 - a fixture
from tests.conftest import NewSite
from tests.support.site import Site

TRUE = {
    "name": "small",
    "version": "1",
    "url": "http://127.0.0.1:1",
    "urls": ["http://127.0.0.1:1"],
    "local_url": "http://127.0.0.1:1",
    "health_path": "/up",
    "certificate_ends": 2e9,
    "data": "/data",
    "program": "/small",
    "since": 1.5e9,
    "supervisor": os.getpid(),
    "app": os.getpid(),
    "taking_over": False,
    "broker": "redis://host",
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([-1, 1 << 70, 1e300])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
# Of this machine alone, whatever the status contains.
URLS = st.text(":[]/%?#\0\n 19\xe9\ud800", max_size=12).map(lambda tail: f"http://127.0.0.1{tail}")
URLS |= st.text(":[]/%\0 \xe9", max_size=8) | st.text("/x\0\xe9", max_size=200).map(lambda path: f"unix:{path}")


@st.composite
def nearly_true(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the answer of a site with a few wrong or missing fields."""
    wrong = draw(st.sets(st.sampled_from(sorted(TRUE)), max_size=2))
    status_message = {name: draw(ANYTHING) if name in wrong else value for name, value in TRUE.items()}
    for name in draw(st.sets(st.sampled_from(sorted(TRUE)), max_size=1)):
        del status_message[name]
    return status_message


ANSWERS = ANYTHING | nearly_true()
many = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def answering(data: Path, *answers: Any) -> Iterator[None]:
    """Answer each caller with all of this, and nothing more."""
    path = data / control_socket.NAME
    path.unlink(missing_ok=True)
    text = b"".join(json.dumps(answer).encode() + b"\n" for answer in answers)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            with suppress(OSError), listener.accept()[0] as caller:
                caller.recv(65536)
                caller.sendall(text)

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def bundle_of(data: Path) -> Bundle:
    return cast(Bundle, SimpleNamespace(data=data, program="small"))


@many
@given(ANSWERS)
def test_status_of_any_answer(tmp_path: Path, answer: Any) -> None:
    with answering(tmp_path, answer):
        try:
            snapshot = status.take_snapshot(tmp_path)
        except NotServingError:
            assert answer != TRUE
        else:
            json.loads(snapshot.to_json(), parse_constant=pytest.fail)
            "\n".join(status.describe_snapshot(snapshot, None)).encode()


@many
@given(ANSWERS | st.builds(lambda url, path: TRUE | {"local_url": url, "health_path": path}, URLS, st.text(max_size=9)))
def test_healthcheck_of_any_answer(tmp_path: Path, answer: Any) -> None:
    with answering(tmp_path, answer):
        try:
            healthcheck.run_healthcheck(bundle_of(tmp_path), [])
        except (NotServingError, UnhealthyError):
            return
    assert answer["urls"] == [], "without the role web there is no page to ask for"


MESSAGES = st.dictionaries(st.sampled_from(["state", "text", "self", "cause", "fix", "more"]), ANYTHING)
MESSAGES |= st.builds(
    lambda facts, state: facts | {"state": state}, MESSAGES, st.sampled_from([*upgrade.PROGRESS_TEXTS, "failed"])
)


@many
@given(st.lists(MESSAGES | ANYTHING, max_size=3), st.booleans())
def test_steps_of_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[Any], as_json: bool) -> None:
    """Steps are read until the one that ends the upgrade, or until an error."""
    monkeypatch.setattr(upgrade, "check_program", lambda _peer: None)  # the peer is this process
    report = reporting.Reporter(as_json=as_json)
    with answering(tmp_path, *steps), suppress(NotServingError):
        for step in upgrade.reload(tmp_path):
            if step.state == "failed":
                assert f"{step.fields['cause']}{step.fields['fix']}".isprintable()
            else:
                report(step.state, step.state, **step.fields)


def test_every_field_is_needed(tmp_path: Path) -> None:
    for name in TRUE.keys() - {"broker"}:  # older versions do not send it
        answer = {key: value for key, value in TRUE.items() if key != name}
        wrong = pytest.raises(NotServingError, match=f"is not `serve`: its {name} is missing")
        with answering(tmp_path, answer), wrong as refused:
            status.take_snapshot(tmp_path)
        assert refused.value.exit_code == 54


def test_one_who_hangs_or_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is not an answer."""
    monkeypatch.setattr(control_socket, "MESSAGE_TIMEOUT", 0.3)
    monkeypatch.setattr(upgrade, "check_program", lambda _peer: None)
    done = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / control_socket.NAME))
        listener.listen()

        def drip() -> None:
            with listener.accept()[0] as caller, suppress(OSError):
                while not done.wait(0.05):
                    caller.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(NotServingError, match="does not answer within"):
            list(upgrade.reload(tmp_path))
        done.set()
        thread.join()
    with pytest.raises(NotServingError, match="no `serve` answers"):
        list(upgrade.reload(tmp_path))


@pytest.mark.parametrize("command", ["status", "healthcheck"])
def test_commands_end_with_one_error(new_small: NewSite, command: str) -> None:
    """A command ends with one error: cause, fix and code, without a traceback."""
    small = new_small()
    small.data.mkdir(mode=0o700)
    with answering(small.data, {"state": "serving", "name": "small", "processes": []}):
        refused = small.run(command, check=False)
    assert refused.returncode == 54
    cause, fix = refused.stderr.splitlines()
    assert (
        cause
        == f"error: the process that answers in {small.data} is not `serve`: its version is missing or of another type"
    )
    assert fix == "  fix: stop the site, and find out who put it there"


CELLS = st.lists(st.floats() | st.sampled_from([MAGIC, 0.0, 1.0, 2.0, 6.0, 1e300]), max_size=HEADER + 2 * SLOT)


def doubles(cells: list[float]) -> bytes:
    return struct.pack(f"{len(cells)}d", *cells)


def as_board(cells: list[float]) -> list[float]:
    slots = len(cells) // SLOT
    return [MAGIC, float(slots), *cells[: slots * SLOT]]


@given(st.binary(max_size=40) | CELLS.map(doubles) | CELLS.map(lambda cells: doubles(as_board(cells))))
def test_counts_of_any_process(content: bytes) -> None:
    """Any process may keep a file open that is named like a scoreboard."""
    file = os.memfd_create(counters.NAME)
    try:
        os.write(file, content)
        scoreboard = Scoreboard.of_process(os.getpid())
        for counts in scoreboard.by_role().values() if scoreboard else ():
            assert counters.Counts.sum(counts).total >= 0
    finally:
        os.close(file)


def test_a_pipe_that_is_called_like_a_board(tmp_path: Path) -> None:
    """No process waits to read from the pipe."""
    path = tmp_path / counters.NAME
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    try:
        assert Scoreboard.of_process(os.getpid()) is None
    finally:
        os.close(pipe)
    assert Scoreboard.of_process(0) is None


def version_that_prints(output: str, folder: Path) -> NewVersion:
    """Return a new version that prints this, whatever it is asked."""
    (folder / "output").write_text(output)
    new = folder / "new"
    new.write_text(f"#!/bin/sh\ncat {folder}/output\n")
    new.chmod(0o755)
    return NewVersion(new, new, folder)


VERSIONS = ["nonsense", "[]", "{}", '{"name": 1, "version": "1", "built": "x"}', "[" * 90_000]


@pytest.mark.parametrize("output", VERSIONS, ids=lambda output: output[:12])
def test_file_that_does_not_say_its_version(tmp_path: Path, output: str) -> None:
    with pytest.raises(UpgradeError, match="does not say which version it is"):
        version_that_prints(output, tmp_path)._version()


@pytest.mark.parametrize("output", ["", "nonsense", "7", "{}[", "[" * 90_000], ids=lambda output: output[:12])
def test_file_that_does_not_say_what_it_migrates(tmp_path: Path, output: str) -> None:
    with pytest.raises(UpgradeError, match="does not say what it would migrate"):
        ask_for_plan(version_that_prints(output, tmp_path).run_code, "new")


BABBLER = """#!{python}
import json, os, sys, time
match sys.argv[1]:
    case "version":
        print(json.dumps({{"name": "small", "version": "99", "built": "2099-01-01"}}))
    case "serve":
        os.write(json.loads(os.environ["DJBUNDLE_HANDOVER"])["status"], {message!r})
        time.sleep(60)
"""
STATES = [b"nonsense\n", b"[]\n", b'{"cause": "x"}\n', b'{"state": "failed"}\n', b"[" * 60_000 + b"\n"]


def test_new_version_that_babbles(site: Site, tmp_path: Path) -> None:  # noqa: F811
    """Such a version does not take over, and the old one goes on serving."""
    for message in STATES:
        new = tmp_path / "babbler"
        new.write_text(BABBLER.format(python=sys.executable, message=message))
        new.chmod(0o755)
        refused = site.run("upgrade", str(new), check=False)
        assert refused.returncode == 55
        assert "the new process sent an unknown handover message\n  fix: " in refused.stderr
        assert site.status()["supervisor"] == site.process.pid
    assert "Traceback" not in site.log.read_text()


REQUESTS = [b"[]", b"null", b"7", b"[" * 60_000, b"\xff", b"{", b"", b'{"command": []}', b'{"command": NaN}']


def test_requests_that_are_none(new_small: NewSite) -> None:
    """The supervisor survives all malformed requests."""
    with new_small() as small:
        for request in REQUESTS:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
                caller.settimeout(20)
                caller.connect(str(small.data / control_socket.NAME))
                caller.sendall(request)
                caller.shutdown(socket.SHUT_WR)
                with suppress(ConnectionError):
                    caller.recv(65536)
        assert small.status()["supervisor"] == small.process.pid
        assert "Traceback" not in small.log.read_text()
