"""A running site hands over to another process of the site, or to another version of it, and drops no request.

The candidate starts beside the old app process, on the same sockets, and reports its progress. When the candidate can
serve, it does; then the old process tells its clients to reconnect, and drains. If the candidate must migrate an SQLite
database, the old process drains first: new connections wait in the sockets meanwhile, and all its writes are complete.
If anything fails, the candidate restores the database and exits. The old process then goes on, or starts again.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from djbundle.contract.handover import HandoverState
from djbundle.runtime.handover import inherited_state
from djbundle.runtime.handover.inherited_state import Handover
from djbundle.runtime.handover.messages import HandoverMessage, read_message
from djbundle.runtime.logs.lines import log
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.process.supervisor import Supervisor

LINGER = 2.0  # seconds in which a draining process closes each connection after its answer
CANDIDATE_TIMEOUT = 300.0  # seconds without a message from the candidate

Report = Callable[..., None]


def stop_after_lingering(supervisor: Supervisor, child: Child) -> None:
    """Stop a draining child after LINGER seconds."""
    child.stop_at = time.monotonic() + LINGER
    supervisor.call_at(child.stop_at, lambda: child.signal(signal.SIGTERM))


@dataclass(frozen=True, slots=True)
class Successor:
    """The program that takes over, and its arguments; None: those of this process."""

    program: str
    arguments: Sequence[str] | None = None


class Takeover:
    """One attempt. `report` is called with each message; on success this program becomes the successor.

    It does so only after each app process that served earlier has been sent SIGTERM: the next program sends none.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        app: Child,
        handover: Handover,
        successor: Successor,
        *,
        report: Report,
        on_failure: Callable[[], None],
    ) -> None:
        self._supervisor, self._app, self._handover, self._successor = supervisor, app, handover, successor
        self._report, self._on_failure = report, on_failure
        self._error: dict[str, Any] = {}
        self._buffer = b""
        self._reports, status = os.pipe2(os.O_CLOEXEC)
        go, self._orders = os.pipe2(os.O_CLOEXEC)
        self._heartbeat = Heartbeat.of_app(0)
        candidate_handover = replace(handover, status=status, go=go, lock=None, heart=self._heartbeat.file)
        self._candidate = Child(
            "candidate",
            app.title,
            lambda: inherited_state.execute(successor.program, candidate_handover, arguments=successor.arguments),
            may_restart=False,
            heartbeat=self._heartbeat,
        )
        self._candidate.on_exit = self._on_exit
        self._restart_timeout()
        supervisor.add_reader(self._reports, self._read_messages)
        supervisor.add(self._candidate)
        os.close(status)
        os.close(go)

    # --- messages from the candidate ---

    def _read_messages(self) -> None:
        received = os.read(self._reports, 65536)
        if not received:
            self._supervisor.remove_reader(self._reports)  # it has exited, and the supervisor will reap it
            return
        self._restart_timeout()
        *lines, self._buffer = (self._buffer + received).split(b"\n")
        for line in lines:
            try:
                message = HandoverMessage.of(read_message(line))
            except ValueError:  # a wrong message of the candidate must not stop the running site
                self._error = {"cause": "the new process sent an unknown handover message"}
                self._candidate.signal(signal.SIGKILL)
                return
            self._handle(message.state, message.fields)

    def _handle(self, state: str, fields: dict[str, Any]) -> None:
        if state == HandoverState.FAILED:
            self._error = fields
            return
        self._report(state=state, **fields)
        if state == HandoverState.PENDING:  # no other process may write while the candidate migrates
            for child in [self._app, *self._draining()]:
                child.on_exit = lambda _code: self._migrate_when_alone()
            self._app.drain()
            stop_after_lingering(self._supervisor, self._app)
        elif state == HandoverState.READY:
            stopped = max([child.stop_at for child in self._draining()], default=0.0)
            self._supervisor.call_at(stopped, lambda: self._send_order("serve"))
        elif state == HandoverState.SERVING:
            self._become_new_program()

    def _draining(self) -> list[Child]:
        """Return the draining app processes that served before the current one."""
        return [
            child
            for child in self._supervisor.running
            if not child.may_restart and child not in (self._app, self._candidate)
        ]

    def _migrate_when_alone(self) -> None:
        if not self._app.pid and not self._draining():
            self._send_order("migrate")

    def _become_new_program(self) -> None:
        log("another process of the site has taken over")
        self._app.drain()
        try:
            inherited_state.execute(
                self._successor.program,
                replace(
                    self._handover,
                    app=self._candidate.pid,
                    leaving=self._app.pid or None,
                    leaving_too=[child.pid for child in self._draining()],
                    heart=self._heartbeat.file,
                ),
                arguments=self._successor.arguments,
            )
        except OSError as error:  # the file was there a moment ago
            log(
                f"cannot become {self._successor.program}: {error.strerror}; the previous version starts again", "error"
            )
            self._app.signal(signal.SIGTERM)
            self._candidate.signal(signal.SIGTERM)

    def _on_exit(self, code: int) -> None:
        """Handle the exit of a candidate that could not take over: the old app process goes on, or starts again."""
        os.close(self._orders)
        with contextlib.suppress(KeyError):
            self._supervisor.remove_reader(self._reports)
        os.close(self._reports)
        self._heartbeat.close()
        error = {"cause": f"the new process ended with code {code}", "fix": "look at its log", "code": 1} | self._error
        log(f"the takeover has failed: {error['cause']}", "error")
        for child in self._supervisor.children:
            child.on_exit = None
        self._app.may_restart = True
        if self._app not in self._supervisor.children:
            self._supervisor.add(self._app)
        self._report(state=HandoverState.FAILED, **error)
        self._on_failure()

    # --- orders to the candidate ---

    def _send_order(self, order: str) -> None:
        with contextlib.suppress(OSError):  # it has exited
            os.write(self._orders, f"{order}\n".encode())

    def _restart_timeout(self) -> None:
        self._last_message = time.monotonic()
        self._supervisor.call_at(self._last_message + CANDIDATE_TIMEOUT, self._kill_if_timed_out)

    def _kill_if_timed_out(self) -> None:
        if time.monotonic() - self._last_message >= CANDIDATE_TIMEOUT:
            self._error = {"cause": f"the new process said nothing for {CANDIDATE_TIMEOUT:.0f} s"}
            self._candidate.signal(signal.SIGKILL)
