"""A site under an attacker's control answers root's `upgrade`, which must not run, replace or trust what it is sent."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from djbundle.errors import NotServingError
from djbundle.runtime.handover.control_socket import request_status
from tests.attacks.neighbours import NEIGHBOUR, Place, only_root, place_for
from tests.bundle.conftest import key, next_small  # noqa: F401 - fixtures
from tests.bundle.processes import assert_refused
from tests.bundle.test_upgrade import sign
from tests.support.site import bare_environment
from tests.support.waiting import wait_until

# What a process of the site's user sends at the control socket: another program serves, and needs no signature.
LIAR = """
import json, os, socket, sys
data, program = sys.argv[-2:]
os.chdir(data)
listener = socket.socket(socket.AF_UNIX)
listener.bind("liar.sock")
listener.listen()
os.rename("liar.sock", "control.sock")
while True:
    caller, _ = listener.accept()
    asked = json.loads(caller.recv(65536) or "{}")  # nothing, of one who has seen who listens
    if not asked:
        pass
    elif asked["command"] == "status":
        told = {"name": "small", "version": "0\\x1b[2J", "program": program, "signer": "", "urls": [], "app": 1}
        told |= {"url": "", "local_url": "", "health_path": "/", "certificate_ends": None, "data": data, "since": 0}
        told |= {"supervisor": 1, "taking_over": False}
        caller.sendall(json.dumps(told).encode() + b"\\n")
    else:
        for state in ("ready\\x1b[2J", "serving"):
            caller.sendall(json.dumps({"state": state}).encode() + b"\\n")
    caller.close()
"""


@pytest.fixture
def place(next_small: Path) -> Iterator[Place]:  # noqa: F811
    """Make a place with a bundle that has a signer."""
    with place_for(next_small) as place:
        yield place


@contextmanager
def liar(place: Place, *program: object) -> Iterator[None]:
    """Run a liar as the neighbour; it listens in the neighbour's data directory."""
    victim = place.folder / "victim"
    victim.write_text("a program of root's")
    script = place.folder / "liar.py"
    script.write_text(LIAR)
    user = ["setpriv", f"--reuid={NEIGHBOUR}", f"--regid={NEIGHBOUR}", "--clear-groups"]
    words = [*user, *map(str, program), str(script), str(place.data), str(victim)]
    environment = bare_environment(DJBUNDLE_DATA_DIR=str(place.data))
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE) as process:
        try:
            wait_until((place.data / "control.sock").exists, "it listens")
            yield
        finally:
            process.kill()
    assert victim.read_text() == "a program of root's"


@pytest.fixture
def evil(place: Place) -> Path:
    """Make the program that the liar wants root to run; if it runs, it writes its user id where only root can write."""
    file = place.folder / "evil"
    file.write_text(f"#!/bin/sh\ntouch {place.folder}/ran-$(id -u)\n")
    file.chmod(0o755)
    return file


def traces(place: Place) -> list[str]:
    return [path.name for path in place.folder.glob("ran-*")]


@only_root
def test_another_program_at_the_control_socket(place: Place, evil: Path) -> None:
    """The kernel knows which program listens. Here it is a Python that every user may start."""
    python = shutil.which("python3", path="/usr/bin")
    if not python:
        pytest.skip("the machine has no Python of its own")
    before = place.bundle.read_bytes()
    with liar(place, python):
        for words in (("upgrade", str(evil)), ("upgrade", "--check", str(evil)), ("rollback",)):
            refused = place.site().run(*words, check=False)
            assert_refused(refused, 55, f"serves (process {pid_in(refused.stderr)}), and not {place.bundle}")
    assert place.bundle.read_bytes() == before
    assert traces(place) == []
    assert [path.name for path in place.bundle.parent.iterdir()] == [place.bundle.name]


def pid_in(text: str) -> str:
    return text.partition("(process ")[2].partition(")")[0]


@only_root
def test_the_program_itself_taken_over(place: Place, evil: Path, key: Path) -> None:  # noqa: F811
    """The bundle's own key decides, its own file is replaced, and its answers cannot control the terminal."""
    before = place.bundle.read_bytes()
    with liar(place, place.bundle):
        assert_refused(place.site().run("upgrade", str(evil), check=False), 55, "only what is signed may take over")
        (place.bundle.with_name("small.previous")).write_bytes(evil.read_bytes())
        place.bundle.with_name("small.previous").chmod(0o755)
        assert place.site().run("rollback", check=False).returncode == 55  # it is run, but without root's rights
        new = Path(shutil.copy(place.bundle, place.folder / "new"))
        sign(new, key)
        result = place.site().run("upgrade", str(new))
        assert "\x1b" not in result.stdout
        assert result.stdout.startswith(f"{new} is whole and signed: small 2, in place of 2")
    assert traces(place) in ([], [f"ran-{NEIGHBOUR}"])
    assert place.bundle.read_bytes() == before
    assert place.bundle.stat().st_uid == 0


@only_root
def test_rights_of_what_is_asked(small: Path, key: Path) -> None:  # noqa: F811
    """The owner of the data runs the new file, both for checks and to serve; the old file's mode stays."""
    with place_for(small) as place, place.site("--bind", "127.0.0.1:0") as site:
        new = Path(shutil.copy(small, place.folder / "new"))
        new.chmod(0o700)
        place.bundle.chmod(0o755)
        assert new.stat().st_uid == 0
        done = site.run("upgrade", str(new))
        assert "the new version serves" in done.stdout
        assert place.bundle.stat().st_mode & 0o777 == 0o755
        assert place.foreign() == []
        assert site.run("rollback").returncode == 0
        assert place.foreign() == []


@only_root
def test_program_in_a_folder_of_somebody_else(small: Path) -> None:
    """A user who may write there could make root run anything."""
    with place_for(small) as place, place.site("--bind", "127.0.0.1:0") as site:
        place.bundle.parent.chmod(0o777)
        assert_refused(site.run("upgrade", str(small), check=False), 55, "is not safe")
        place.bundle.parent.chmod(0o755)
        shutil.chown(place.bundle.parent, NEIGHBOUR + 1)
        assert_refused(site.run("upgrade", str(small), check=False), 55, "is not safe")


@only_root
def test_program_of_the_owner_of_the_data(small: Path) -> None:
    """Root replaces it with no more than that user's rights."""
    with place_for(small) as place:
        for path in (place.bundle.parent, place.bundle):
            shutil.chown(path, NEIGHBOUR, NEIGHBOUR)
        with place.site("--bind", "127.0.0.1:0") as site:
            assert site.run("upgrade", str(small)).returncode == 0
            assert {path.stat().st_uid for path in place.bundle.parent.iterdir()} == {NEIGHBOUR}


GARBAGE = [b"", b"[]", b"nonsense\n", b"\xff\n", b"[" * 60000 + b"\n", b"{" + b" " * 200_000, b"null\n", b'"x"\n']


@pytest.mark.parametrize("answer", GARBAGE, ids=lambda answer: repr(answer[:8]))
def test_answers_that_are_none(tmp_path: Path, answer: bytes) -> None:
    """Whatever their length, the command ends with one error."""
    answer_file = tmp_path / "answer"
    answer_file.write_bytes(answer)
    code = LIAR.replace('json.dumps(told).encode() + b"\\n"', f'open({str(answer_file)!r}, "rb").read()')
    assert code != LIAR
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path, "x"], stderr=subprocess.DEVNULL)
    try:
        wait_until((tmp_path / "control.sock").exists, "it listens")
        with pytest.raises(NotServingError):
            request_status(tmp_path)
    finally:
        process.kill()
        process.wait()
