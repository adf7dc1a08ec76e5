"""Parts of a file that a request asks for by ``Range`` (RFC 9110, 14): players, resumed downloads, readers of PDF."""

import re
from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

MOST = 16  # parts of one answer; who asks for more gets the whole file
# Digits of ASCII, and no more than any file's size has: int() takes much else, and much time for much of it.
RANGE = re.compile(r"(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))")
ENTITY_TAG = re.compile(r'"[^"]*+"')  # less the mark of a weak one


class Span(NamedTuple):
    begin: int
    end: int  # exclusive

    @property
    def size(self) -> int:
        return self.end - self.begin

    def of(self, size: int) -> str:
        """As ``Content-Range``."""
        return f"bytes {self.begin}-{self.end - 1}/{size}"


def parse_ranges(header: str, size: int) -> list[Span] | None:
    """Return the parts of a file of `size` bytes; none that can be had is 416.

    None is for the whole file: what is no range by the grammar, or too many, is ignored. Parts that overlap are made
    one, so that nobody is sent more than the file.
    """
    unit, _, listed = header.partition("=")
    if unit.strip(" \t").lower() != "bytes" or not size or listed.count(",") > 4 * MOST:
        return None
    texts = [text for each in listed.split(",") if (text := each.strip(" \t"))]
    if not texts or len(texts) > MOST:
        return None
    spans: list[Span] = []
    for text in texts:
        match = RANGE.fullmatch(text)
        if match is None or (match[2] and int(match[1]) > int(match[2])):
            return None
        span = span_of(match, size)
        if span.size > 0:
            spans.append(span)
    return spans if are_apart(spans) else merged(spans)


def span_of(match: re.Match[str], size: int) -> Span:
    """Return what there is of one range; nothing of one behind the end."""
    first, last, suffix = match.groups()
    if suffix is not None:
        return Span(size - min(int(suffix), size), size)
    return Span(int(first), min(int(last) + 1, size) if last else size)


def are_apart(spans: list[Span]) -> bool:
    ordered = sorted(spans)
    return all(one.end <= other.begin for one, other in pairwise(ordered))


def merged(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def is_unchanged(if_range: str, etag: str | None, last_modified: str | None) -> bool:
    """Return whether ``If-Range`` names the file as it is now: exactly, since parts of two files make a broken one."""
    return if_range.strip(" \t") in (etag, last_modified)


def matches(if_none_match: str, etags: Collection[str]) -> bool:
    """Return whether one of the tags is one of these; weakly, since proxies that compress make them weak."""
    return if_none_match.strip(" \t") == "*" or any(each in etags for each in ENTITY_TAG.findall(if_none_match))
