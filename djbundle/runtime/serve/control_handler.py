"""Answers commands on the control socket while the site runs: status, and handover to another process."""

import os
import signal
import sys
import time
from typing import Any

from djbundle.contract.handover import HandoverState
from djbundle.runtime.core.verify_mode import is_verify_mode, record_url
from djbundle.runtime.handover.control_socket import ControlClient, ControlSocket
from djbundle.runtime.handover.coordinator import LINGER, Successor, Takeover, stop_after_lingering
from djbundle.runtime.handover.inherited_state import Handover
from djbundle.runtime.handover.messages import Message
from djbundle.runtime.logs.lines import log
from djbundle.runtime.process import sd_notify
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.lock import try_lock
from djbundle.runtime.process.supervisor import Supervisor
from djbundle.runtime.serve.site_info import SiteInfo

LOCK_POLL_INTERVAL = 0.25  # seconds


class ControlHandler:
    """Serves the commands of a site. `app` is the app process; `handover` is what another program would inherit."""

    def __init__(self, site_info: SiteInfo, supervisor: Supervisor, app: Child, handover: Handover) -> None:
        self._site_info, self._supervisor, self._app, self._handover = site_info, supervisor, app, handover
        self._takeover: Takeover | None = None
        self._is_beside = False
        self._take_data_directory()
        self._interval = sd_notify.watchdog_interval()
        self._notify_watchdog()
        supervisor.add_signal_handler(signal.SIGHUP, lambda: self._reload(lambda **_: None))

    def _take_data_directory(self) -> None:
        """Answer commands as soon as no other instance holds the lock."""
        if self._handover.lock is None or try_lock(self._handover.lock):
            if self._is_beside:
                log("the other instance has ended; this one answers commands from now on")
            ControlSocket(self._site_info.data, self._supervisor, self._handle)
            return
        if not self._is_beside:
            log(
                "another instance serves this data directory; this one serves beside it until that one has drained",
                "warning",
            )
        self._is_beside = True
        self._supervisor.call_at(time.monotonic() + LOCK_POLL_INTERVAL, self._take_data_directory)

    def announce(self) -> None:
        log(f"{self._site_info} (Ctrl-C stops)")
        self._notify_ready()
        if is_verify_mode():
            record_url(self._site_info.data, self._site_info.local_url)

    def _notify_ready(self) -> None:
        sd_notify.ready(self._site_info.occupation)

    def _notify_watchdog(self) -> None:
        """Report to systemd's watchdog that the loop runs."""
        if self._interval is not None:
            sd_notify.alive()
            self._supervisor.call_at(time.monotonic() + self._interval, self._notify_watchdog)

    def stop_draining_app(self, pid: int) -> None:
        """Stop the app process that served before, which drains already."""
        stop_after_lingering(self._supervisor, self.supervise_draining_app(pid))

    def supervise_draining_app(self, pid: int) -> Child:
        """Supervise an app process that served before; kill it if it still runs when its grace is over."""
        now = time.monotonic()
        old_app = Child("app before", self._app.title, lambda: 1, pid=pid, started=now, may_restart=False)
        self._supervisor.add(old_app)
        self._supervisor.call_at(now + LINGER + self._supervisor.grace, lambda: self._kill(old_app))
        return old_app

    def _kill(self, old_app: Child) -> None:
        if old_app.pid:
            log(f"{old_app.name} (process {old_app.pid}) does not end, and is killed", "error")
            old_app.signal(signal.SIGKILL)

    def _handle(self, request: Message, client: ControlClient) -> None:
        if request.get("command") == "status":
            client.send(**self._status())
            client.close()
        elif request.get("command") == "reload":
            self._reload(client.send, arguments_with(request.get("options")))
        else:
            client.send(
                state=HandoverState.FAILED, cause="serve does not know this request", fix="use the same version", code=1
            )
            client.close()

    def _status(self) -> dict[str, Any]:
        processes = {"supervisor": os.getpid(), "app": self._app.pid}
        return self._site_info.status_fields() | processes | {"taking_over": self._takeover is not None}

    def _reload(self, report: Any, arguments: list[str] | None = None) -> None:
        """Start a takeover by another process of the site, from the program's file as it is now."""
        if self._takeover or not self._supervisor.is_proven:
            report(
                state=HandoverState.FAILED,
                cause="the site is being started",
                fix="wait until it serves, and try again",
                code=55,
            )
            return
        log(f"another process of {sys.executable} will take over")
        sd_notify.reloading()

        def on_failure() -> None:
            self._takeover = None
            self._notify_ready()

        self._takeover = Takeover(
            self._supervisor,
            self._app,
            self._handover,
            Successor(sys.executable, arguments),
            report=report,
            on_failure=on_failure,
        )


def arguments_with(options: Any) -> list[str] | None:
    """Return the arguments of this process and these options of `serve` after them, which win; None without options."""
    if not options or not isinstance(options, list):
        return None
    return [*sys.orig_argv[1:], *map(str, options)]
