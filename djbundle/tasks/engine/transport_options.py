"""The options of a connection to the broker, and those that its URL overrides."""

from typing import Any

from djbundle.common.broker_url import BrokerUrl

VISIBILITY_TIMEOUT = 120  # seconds after which a message that is not acknowledged may be delivered again
MUTEX_SECONDS = 10  # in which no other worker looks for such messages, if one dies while it does so


def transport_options(url: BrokerUrl, timeout: float, read_timeout: float) -> dict[str, Any]:
    """Return what kombu's Connection takes as `transport_options`."""
    options: dict[str, Any] = {
        "socket_timeout": read_timeout,
        "socket_connect_timeout": timeout,
        "visibility_timeout": visibility_timeout(url),
        "unacked_key": f"{url.prefix}:unacked",  # several projects may share a database of Redis
        "unacked_index_key": f"{url.prefix}:unacked_index",
        "unacked_mutex_key": f"{url.prefix}:unacked_mutex",
        "unacked_mutex_expire": MUTEX_SECONDS,
    }
    if url.transport == "amqp":
        options = {"confirm_publish": True, "max_retries": 0}
    return options | {name: _number(value) for name, value in url.options.items() if name != "visibility_timeout"}


def visibility_timeout(url: BrokerUrl) -> float:
    """Return the seconds after which a message that is not acknowledged may be delivered again."""
    return float(_number(url.options.get("visibility_timeout", ""), VISIBILITY_TIMEOUT))


def _number(text: str, default: Any = None) -> Any:
    try:
        return int(text)
    except ValueError:
        return text if default is None else default
