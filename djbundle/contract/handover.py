"""A handover: a running version gives its sockets to the next one. Both may be of different versions of djbundle."""

from enum import StrEnum


class HandoverState(StrEnum):
    """The states that the new version reports, in this order."""

    PENDING = "pending"  # it has migrations to apply, and waits until no other process writes
    READY = "ready"  # it answers, and waits for the sockets
    SERVING = "serving"  # it serves: the end
    FAILED = "failed"  # it does not take over: the end, with a cause and a fix
