"""The shutdown delay: ``/up`` fails first, and only when load balancers have seen that do the sockets close."""

import mmap

from djbundle.runtime.logs.lines import log


class ShutdownNotice:
    """Memory that the app process shares with its web processes: whether the site is about to stop."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def give(self, delay: float) -> None:
        """Let the health check fail from now on. `delay`: the seconds until the sockets close, for the log."""
        self._memory[0] = 1
        log(f"{delay:.0f} s until the sockets close; the health check fails from now on")

    @property
    def is_given(self) -> bool:
        return bool(self._memory[0])

    def problems(self) -> list[str]:
        """Return what the health check says."""
        return ["the site is about to stop"] if self.is_given else []
