"""The app process starts anew, as a program that has not loaded the site: an exec, with the same process id.

It does so when loading the site has started threads, which a fork would end. What it forks from then on loads the site
itself.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NoReturn, Self

from djbundle.common.own_environment import own_environment
from djbundle.runtime.handover.inherited_state import Handover, execute
from djbundle.runtime.net.sockets import Listeners
from djbundle.runtime.process.forking import resend_early_drain_signals
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.process.progress_pipe import ProgressPipe

VARIABLE = "DJBUNDLE_FRESH_START"  # set by `serve` for itself: the site is to be loaded in each process
OWN_FILE = "/proc/self/exe"  # this very program, even if another file has its path by now


@dataclass(frozen=True, slots=True)
class PreparedSite:
    """The facts of a site whose databases are up to date, for a process that has not loaded it."""

    has_tasks: bool
    has_relay: bool

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class FreshStart:
    """The message of the program before. `prepared` is None if the databases may not be up to date yet."""

    prepared: PreparedSite | None

    @classmethod
    def take_from_environment(cls) -> Self | None:
        """Return the message if there is one."""
        text = os.environ.pop(VARIABLE, None)
        return None if text is None else cls(PreparedSite.from_json(text) if text else None)

    def __str__(self) -> str:
        return self.prepared.to_json() if self.prepared else ""


def own_program() -> str:
    """Return the path by which this program can be started once more."""
    return OWN_FILE if "_archive" in sys.modules else sys.executable  # a tree on disk is started by the bundle


@dataclass(frozen=True, slots=True)
class Launch:
    """The way in which this process was started. The site may change all of it while it is loaded."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: str

    @classmethod
    def of_this_process(cls) -> Self:
        return cls(sys.orig_argv[1:], own_environment(), os.getcwd())  # noqa: PTH109 - may be gone, and is only given back

    def start_afresh(
        self, fresh_start: FreshStart, listeners: Listeners, progress: ProgressPipe, heartbeat: Heartbeat
    ) -> NoReturn:
        """Become this program once more. Raise OSError if that fails."""
        handover = Handover.of_open(listeners, heart=heartbeat.file, status=progress.reports, go=progress.orders)
        environment = {**self.environment, VARIABLE: str(fresh_start)}
        os.chdir(self.folder)
        resend_early_drain_signals()
        execute(own_program(), handover, name=sys.executable, arguments=self.arguments, environment=environment)
