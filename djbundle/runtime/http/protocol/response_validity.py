"""Checks what a site sends, where Granian would abort the process, and with it all other requests."""

from collections.abc import Iterable

MIN_STATUS, MAX_STATUS = 100, 999  # three digits (RFC 9110, 15)

RawHeader = tuple[bytes, bytes]


def check_status(status: int) -> None:
    """Raise ValueError for a status that HTTP does not have."""
    if not MIN_STATUS <= status <= MAX_STATUS:
        raise ValueError(f"a response cannot have the status {status}")


def check_subprotocol(name: str) -> None:
    """Raise ValueError for the name of a subprotocol that no header can have."""
    if not (name.isascii() and name.isprintable()):
        raise ValueError(f"a WebSocket cannot have the subprotocol {name!r}")


def each_name_once(headers: Iterable[tuple[bytes, bytes]]) -> list[RawHeader]:
    """Return headers in which each name stands once: repeated ones are joined by commas (RFC 9110, 5.3).

    Raise ValueError for a second Set-Cookie, since cookies cannot be joined.
    """
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        key = bytes(name).lower()
        if key == b"set-cookie" and key in joined:
            raise ValueError("the refusal of a WebSocket cannot have two Set-Cookie headers")
        joined[key] = joined[key] + b", " + value if key in joined else bytes(value)
    return [*joined.items()]
