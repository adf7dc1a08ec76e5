"""`shell` edits lines and completes names in a terminal, without GNU's readline, which is under the GPL."""

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from djbundle.builder.core.target import this_target
from djbundle.builder.native import elf

UP, TAB, ENTER, END = b"\x1bOA", b"\t", b"\r", b"\x04"
LINE_ENDS, PROMPT_ENDS = b"\x1b>", b"\x1b[4C"  # what the editor sends after a line, and after an empty prompt
TIMEOUT = 30.0  # seconds

pytestmark = pytest.mark.skipif(sys.version_info < (3, 13), reason="this Python brings no line editor")


class Terminal:
    """A terminal in which a program runs."""

    def __init__(self, *command: str | Path, term: str) -> None:
        self.pid, self.descriptor = pty.fork()
        if not self.pid:
            os.execve(command[0], list(map(str, command)), {"TERM": term, "HOME": "/nowhere"})
        self.output = b""

    def read_until(self, text: bytes) -> None:
        """Read until the program has written this since the last call."""
        give_up_at = time.monotonic() + TIMEOUT
        while text not in self.output:
            assert select.select([self.descriptor], [], [], give_up_at - time.monotonic())[0], self.output
            self.output += os.read(self.descriptor, 65536)
        self.output = self.output.partition(text)[2]

    def write(self, text: bytes) -> None:
        os.write(self.descriptor, text)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.descriptor)


@pytest.fixture
def shell(small: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    extension = next(this_target().extensions.glob("readline.*.so"), None)
    if extension is None or not any("libreadline" in each for each in elf.read_dynamic(extension).needed):
        pytest.skip("this Python has no readline of GNU's")
    terminal = Terminal(small, "shell", "--data-dir", tmp_path / "data", term=getattr(request, "param", "xterm"))
    try:
        terminal.read_until(b">>> ")
        yield terminal
    finally:
        terminal.close()


def test_lines_are_edited_and_kept(shell: Terminal) -> None:
    for keys, result in (
        (b"print(6 * 7)", b"42\r\n"),
        (UP, b"42\r\n"),
        (b"word = 'abc'", b""),
        (b"word.upp" + TAB, b"'ABC'\r\n"),
    ):
        shell.read_until(PROMPT_ENDS)
        shell.write(keys + ENTER)
        shell.read_until(LINE_ENDS + result)
    shell.write(END)


@pytest.mark.parametrize("shell", ["unheard-of"], indirect=True)
def test_an_unknown_terminal(shell: Terminal) -> None:
    shell.write(b"print(6 * 7)\n")
    shell.read_until(b"42")
    shell.write(END)
