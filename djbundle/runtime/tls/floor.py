"""How often certificates may be ordered, whatever happens: authorities count, and lock out for a week.

Kept on the disk, so that it holds for a process that ends and is started again.
"""

import math
import time

from djbundle.runtime.options.tls import TlsOptions
from djbundle.runtime.tls.store import Store, short

FLOOR = 3600.0  # seconds between two orders for the same names


class OrderFloor:
    """Of the orders for the names of one site with one authority."""

    def __init__(self, store: Store, options: TlsOptions) -> None:
        self._store = store
        self.name = f"ordered-{short('\n'.join((options.directory, *sorted(options.domains))))}"
        self._noted: float | None = None  # monotonic seconds: no setting of the clock changes them

    def wait(self) -> float:
        """Return the seconds until the next order may be made, 0 for now."""
        since = FLOOR if self._noted is None else time.monotonic() - self._noted
        return max(0.0, FLOOR - since, self._wait_by_file())

    def note(self) -> None:
        """An order is about to be made. Where that cannot be written down, it must not be."""
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
        if not 0 <= age < math.inf:  # it is damaged, or the clock has been set back: the hour begins now
            self._store.write(self.name, f"{int(time.time())}\n".encode())
            age = 0.0
        return max(0.0, FLOOR - age)
