"""Parses ``Range`` (RFC 9110, 14), which players, resumed downloads and PDF readers send."""

import re
from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

MAX_RANGES = 16  # ranges in one response; a request for more gets the whole file
# ASCII digits, and no more than a file's size can have: int() accepts others, and takes long for many.
RANGE = re.compile(r"(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))")
ENTITY_TAG = re.compile(r'"[^"]*+"')  # without the mark of a weak one


class Span(NamedTuple):
    begin: int
    end: int  # exclusive

    @property
    def size(self) -> int:
        return self.end - self.begin

    def content_range(self, size: int) -> str:
        """Return the value of ``Content-Range``."""
        return f"bytes {self.begin}-{self.end - 1}/{size}"


def parse_ranges(header: str, size: int) -> list[Span] | None:
    """Return the ranges of a file of `size` bytes. An empty list is 416: the file has none of them.

    None means the whole file: invalid ranges, or too many, are ignored. Overlapping ranges are merged, so that no
    client is sent more than the file.
    """
    unit, _, range_list = header.partition("=")
    if unit.strip(" \t").lower() != "bytes" or not size or range_list.count(",") > 4 * MAX_RANGES:
        return None
    texts = [text for each in range_list.split(",") if (text := each.strip(" \t"))]
    if not texts or len(texts) > MAX_RANGES:
        return None
    spans: list[Span] = []
    for text in texts:
        match = RANGE.fullmatch(text)
        if match is None or (match[2] and int(match[1]) > int(match[2])):
            return None
        span = span_of(match, size)
        if span.size > 0:
            spans.append(span)
    return spans if is_disjoint(spans) else merge(spans)


def span_of(match: re.Match[str], size: int) -> Span:
    """Return one range, cut to the size of the file. A range behind the end becomes empty."""
    first, last, suffix = match.groups()
    if suffix is not None:
        return Span(size - min(int(suffix), size), size)
    return Span(int(first), min(int(last) + 1, size) if last else size)


def is_disjoint(spans: list[Span]) -> bool:
    ordered = sorted(spans)
    return all(span.end <= following.begin for span, following in pairwise(ordered))


def merge(spans: list[Span]) -> list[Span]:
    merged_spans: list[Span] = []
    for span in sorted(spans):
        if merged_spans and span.begin <= merged_spans[-1].end:
            merged_spans[-1] = Span(merged_spans[-1].begin, max(merged_spans[-1].end, span.end))
        else:
            merged_spans.append(span)
    return merged_spans


def is_unchanged(if_range: str, etag: str | None, last_modified: str | None) -> bool:
    """Return whether ``If-Range`` names the current file, exactly: parts of two files make a broken one."""
    return if_range.strip(" \t") in (etag, last_modified)


def matches(if_none_match: str, etags: Collection[str]) -> bool:
    """Return whether ``If-None-Match`` has one of these ETags, weakly: proxies that compress make ETags weak."""
    return if_none_match.strip(" \t") == "*" or any(each in etags for each in ENTITY_TAG.findall(if_none_match))
