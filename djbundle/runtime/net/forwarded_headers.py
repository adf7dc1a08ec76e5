"""Parses the header ``Forwarded`` (RFC 7239), and the addresses in it and in ``X-Forwarded-For``."""

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

MAX_HEADER_LENGTH = 4096  # characters of a header that are read, from its end, where the nearest proxies write
MAX_NODE_LENGTH = 100  # characters
MAX_HOPS = 64  # elements of a list, likewise

# Possessive (`*+`): text of untrusted clients is never scanned twice.
BLANK = r"[ \t]*+"
NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*+"'
PAIR = re.compile(f"({NAME})=({NAME}|{QUOTED})")
SEPARATOR = re.compile(f"{BLANK}(?:([;,])|$){BLANK}")
ESCAPE = re.compile(r"\\(.)")

PORT = r"(?::(\d{1,5}|_[0-9A-Za-z._-]+))?"
NODE = re.compile(rf"(\d[\d.]*|\[([0-9A-Fa-f:.]+)(?:%[0-9A-Za-z._~-]+)?\]){PORT}")
BARE_IPV6 = re.compile(r"([0-9A-Fa-f:.]+)(?:%[0-9A-Za-z._~-]+)?")

Element = dict[str, str]  # parameters by their names in lower case


class Node(NamedTuple):
    address: str
    port: int  # 0: not named


def parse_forwarded(text: str) -> list[Element]:
    """Return the elements, the farthest proxy's first.

    An invalid element ends the chain: neither it nor what stands before it is returned, since a client may have forged
    both. Nearer proxies added what stands after it.
    """
    text = text[-MAX_HEADER_LENGTH:]
    elements: list[Element] = []
    at = len(text) - len(text.lstrip(" \t"))
    while at < len(text):
        element, after = parse_element(text, at)
        if element is None:
            elements.clear()
            after = text.find(",", at) + 1 or len(text)
            after += len(text[after:]) - len(text[after:].lstrip(" \t"))
        elif element:  # a list may have empty elements
            elements.append(element)
        at = after
    return elements[-MAX_HOPS:]


def parse_element(text: str, at: int) -> tuple[Element | None, int]:
    """Return the element that begins at `at`, and where the next one begins; None for the element if it is invalid."""
    element: Element = {}
    while True:
        if pair := PAIR.match(text, at):
            name, value = pair[1].lower(), pair[2]
            if name in element:  # each parameter once
                return None, at
            element[name] = ESCAPE.sub(r"\1", value[1:-1]) if value.startswith('"') else value
            at = pair.end()
        separator = SEPARATOR.match(text, at)
        if separator is None:
            return None, at
        at = separator.end()
        if separator[1] != ";":
            return element, at


def parse_node(text: str) -> Node | None:
    """Return the address of ``1.2.3.4``, ``1.2.3.4:80``, ``[::1]:80`` or ``::1``; None if it is invalid."""
    return _parse_node(text) if len(text) <= MAX_NODE_LENGTH else None


@lru_cache(maxsize=1024)
def _parse_node(text: str) -> Node | None:
    """Return what `parse_node` returns.

    The zone of an IPv6 address is dropped: it means something only to the machine that wrote it. An IPv4 address inside
    an IPv6 address becomes the IPv4 address, so that a blocked client cannot come by another name.
    """
    if match := NODE.fullmatch(text):
        address, port = match[2] or match[1], match[3]
    elif match := BARE_IPV6.fullmatch(text):
        address, port = match[1], None
    else:
        return None
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    number = int(port) if port and port.isdecimal() else 0
    return Node(str(mapped or parsed), number) if number < 65536 else None
