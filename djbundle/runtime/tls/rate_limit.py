"""Limits how often certificates are ordered, whatever happens: authorities count orders, and lock out for a week.

The time of the last order is on disk, so the limit also holds after a restart of the process.
"""

import math
import time

from djbundle.runtime.options.tls import TlsOptions
from djbundle.runtime.tls.store import Store, short

ORDER_INTERVAL = 3600.0  # seconds between two orders for the same names


class OrderRateLimit:
    """The limit on orders for the names of one site from one authority."""

    def __init__(self, store: Store, options: TlsOptions) -> None:
        self._store = store
        self.name = f"ordered-{short('\n'.join((options.directory, *sorted(options.domains))))}"
        self._noted: float | None = None  # monotonic seconds, which do not change when the clock is set

    def wait(self) -> float:
        """Return the seconds until the next order may be made, 0 for now."""
        since = ORDER_INTERVAL if self._noted is None else time.monotonic() - self._noted
        return max(0.0, ORDER_INTERVAL - since, self._wait_by_file())

    def note(self) -> None:
        """Note that an order is about to be made. If this fails, the order must not be made."""
        self._noted = time.monotonic()
        self._store.write(self.name, f"{int(time.time())}\n".encode())

    def _wait_by_file(self) -> float:
        content = self._store.read(self.name)
        if content is None:
            return 0.0
        try:
            age = time.time() - float(content)
        except ValueError:
            age = -1.0
        if not 0 <= age < math.inf:  # the file is damaged, or the clock was set back: the hour starts now
            self._store.write(self.name, f"{int(time.time())}\n".encode())
            age = 0.0
        return max(0.0, ORDER_INTERVAL - age)
