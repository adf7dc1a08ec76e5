"""ASN.1 in its distinguished encoding, as far as certificates need it (ITU-T X.690)."""

from collections.abc import Iterator
from typing import NamedTuple

INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x02, 0x03, 0x04, 0x06
UTF8_STRING, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
BOOLEAN_TRUE = b"\x01\x01\xff"


class Element(NamedTuple):
    """One value as it was read."""

    tag: int
    content: bytes


def encode(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    return encode(SEQUENCE, *parts)


def context(number: int, *parts: bytes, constructed: bool = True) -> bytes:
    """A value with a tag that only its place explains, as ``[0]`` in the standards."""
    return encode((0xA0 if constructed else 0x80) | number, *parts)


def integer(value: int) -> bytes:
    """Of a number that is not negative."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def bits(content: bytes) -> bytes:
    """A bit string of whole bytes."""
    return encode(BIT_STRING, b"\0", content)


def object_identifier(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytearray([40 * first + second])
    for arc in rest:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | (arc & 0x7F))
        content += bytes(reversed(digits))
    return encode(OBJECT_IDENTIFIER, bytes(content))


def read(data: bytes) -> Iterator[Element]:
    """The values that lie one behind the other in `data`. Raises ValueError for what is cut off."""
    position = 0
    while position < len(data):
        try:
            tag, size = data[position], data[position + 1]
            position += 2
            if size & 0x80:
                width = size & 0x7F
                size = int.from_bytes(data[position : position + width])
                position += width
        except IndexError:
            raise ValueError("cut off") from None
        if position + size > len(data):
            raise ValueError("cut off")
        yield Element(tag, data[position : position + size])
        position += size


def children(element: Element) -> list[Element]:
    return list(read(element.content))
