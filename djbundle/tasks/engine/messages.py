"""The format of messages in the broker, and the refusal of all others.

A message is JSON, {"keys": [1, 2, 3]}, and says nothing else of a task. So a stranger who can write to the broker can
make a worker look for tasks, but cannot make it run anything else. Only in direct mode a message carries whole tasks,
{"tasks": [...]}, see direct.py.
"""

from collections.abc import Callable
from typing import Any

MAX_KEYS = 1000  # in a message that is accepted
MAX_MESSAGE_SIZE = 32 << 20  # bytes of a message with whole tasks; ours have half of it at most
MAX_KEY = (1 << 63) - 1  # of a row; databases refuse a larger one with an error

OnKeys = Callable[[list[int]], object]


def refuse_compressed(_body: Any, _algorithm: Any) -> Any:
    """Refuse, in the place of kombu's function. We compress nothing, and a stranger's 2 MB may become 4 GB."""
    raise ValueError("a compressed message is none of ours")


def acknowledge(message: Any) -> None:
    """Acknowledge a message, unless that has been done."""
    if not message.acknowledged:
        message.ack()


def tasks_of(message: Any) -> list[Any]:
    """Return the tasks of a message; none if a stranger has sent something else."""
    try:
        if len(message.body) > MAX_MESSAGE_SIZE:
            return []
        tasks = message.decode()["tasks"]
    except Exception:
        return []
    return tasks if isinstance(tasks, list) and len(tasks) <= MAX_KEYS else []


def is_redelivered(message: Any) -> bool:
    """Return whether the message was delivered before, to a worker that may be gone."""
    return bool(message.delivery_info.get("redelivered"))


def accept(message: Any, on_keys: OnKeys) -> None:
    """Acknowledge a message, and pass on its keys, if it has any.

    The row is the record. If this process dies now, the message is sent again, since no worker claims the row.
    """
    acknowledge(message)
    try:
        body = message.decode()
        keys = body["keys"] if isinstance(body, dict) else []
    except Exception:  # a stranger may have sent anything
        return
    if isinstance(keys, list) and len(keys) <= MAX_KEYS:
        on_keys([key for key in keys if type(key) is int and 0 < key <= MAX_KEY])
