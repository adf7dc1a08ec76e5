"""Answers commands on the control socket while the site runs: status, and handover to another process."""

import os
import signal
import sys
import time
from typing import Any

from djbundle.runtime.handover.control_socket import Caller, Control
from djbundle.runtime.handover.coordinator import LINGER, Takeover, stop_after_lingering
from djbundle.runtime.handover.inherited_state import Handover
from djbundle.runtime.handover.messages import Message
from djbundle.runtime.logs.lines import log
from djbundle.runtime.process import sd_notify
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.lock import try_lock
from djbundle.runtime.process.supervisor import Supervisor
from djbundle.runtime.serve.site_info import About

LOOK_FOR_LOCK = 0.25  # seconds


class Service:
    """Serves the commands of a site. `app` is the app process; `given` is what another program would inherit."""

    def __init__(self, about: About, supervisor: Supervisor, app: Child, given: Handover) -> None:
        self._about, self._supervisor, self._app, self._given = about, supervisor, app, given
        self._takeover: Takeover | None = None
        self._is_beside = False
        self._take_data_directory()
        self._interval = sd_notify.watchdog_interval()
        self._tell_watchdog()
        supervisor.add_signal_handler(signal.SIGHUP, lambda: self._reload(lambda **_: None))

    def _take_data_directory(self) -> None:
        """Answer commands as soon as no other instance holds the lock."""
        if self._given.lock is None or try_lock(self._given.lock):
            if self._is_beside:
                log("the other instance has left; commands are answered here from now on")
            Control(self._about.data, self._supervisor, self._answer)
            return
        if not self._is_beside:
            log(
                "another instance serves this data directory; this one serves beside it until that one leaves",
                "warning",
            )
        self._is_beside = True
        self._supervisor.call_at(time.monotonic() + LOOK_FOR_LOCK, self._take_data_directory)

    def announce(self) -> None:
        log(f"{self._about} (Ctrl-C stops)")
        self._tell_ready()

    def _tell_ready(self) -> None:
        sd_notify.ready(f"serves {self._about.urls[0]}")

    def _tell_watchdog(self) -> None:
        """Report to systemd's watchdog that the loop runs."""
        if self._interval is not None:
            sd_notify.alive()
            self._supervisor.call_at(time.monotonic() + self._interval, self._tell_watchdog)

    def see_off(self, pid: int) -> None:
        """Stop the app process that served before, which drains already."""
        stop_after_lingering(self._supervisor, self.expect_end(pid))

    def expect_end(self, pid: int) -> Child:
        """Supervise an app process that served before; kill it if it still runs when its grace is over."""
        now = time.monotonic()
        before = Child("app before", self._app.title, lambda: 1, pid=pid, started=now, may_restart=False)
        self._supervisor.add(before)
        self._supervisor.call_at(now + LINGER + self._supervisor.grace, lambda: self._kill(before))
        return before

    def _kill(self, before: Child) -> None:
        if before.pid:
            log(f"{before.name} (process {before.pid}) does not end, and is killed", "error")
            before.signal(signal.SIGKILL)

    def _answer(self, request: Message, caller: Caller) -> None:
        if request.get("command") == "status":
            caller.tell(**self._status())
            caller.close()
        elif request.get("command") == "reload":
            self._reload(caller.tell)
        else:
            caller.tell(state="failed", cause="serve does not know this request", fix="use the same version", code=1)
            caller.close()

    def _status(self) -> dict[str, Any]:
        processes = {"supervisor": os.getpid(), "app": self._app.pid}
        return self._about.facts() | processes | {"taking_over": self._takeover is not None}

    def _reload(self, tell: Any) -> None:
        """Start a takeover by another process of the site, from the program's file as it is now."""
        if self._takeover or not self._supervisor.is_proven:
            tell(state="failed", cause="the site is being started", fix="wait until it serves, and try again", code=55)
            return
        log(f"another process of {sys.executable} is to take over")
        sd_notify.reloading()

        def failed() -> None:
            self._takeover = None
            self._tell_ready()

        self._takeover = Takeover(
            self._supervisor,
            self._app,
            self._given,
            sys.executable,
            tell=tell,
            failed=failed,
        )
