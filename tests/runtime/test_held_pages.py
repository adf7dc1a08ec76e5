"""A page that waits for room is counted as long as it waits, and no longer, whatever becomes of it."""

from typing import Never

import pytest

from djbundle.runtime.http.limits.budget import Budget
from djbundle.runtime.http.limits.held_pages import PageQueue

CLIENT, SIZE = "192.0.2.1", 1000


@pytest.fixture
def pages() -> PageQueue:
    return PageQueue(Budget())


def nothing() -> None: ...


def fail() -> Never:
    raise MemoryError


def test_a_page_counts_while_it_waits(pages: PageQueue) -> None:
    has_room: list[bool] = []
    pages.put(CLIENT, SIZE, lambda: bool(has_room), nothing)
    pages.sweep()
    assert (pages.held.total, len(pages.pages)) == (SIZE, 1)
    has_room.append(True)
    pages.sweep()
    assert (pages.held.total, pages.held.clients, len(pages.pages)) == (0, {}, 0)


def test_a_page_whose_start_fails(pages: PageQueue) -> None:
    pages.put(CLIENT, SIZE, fail, nothing)
    with pytest.raises(MemoryError):
        pages.sweep()
    assert (pages.held.total, pages.held.clients) == (0, {})


def test_a_page_whose_refusal_fails(pages: PageQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("djbundle.runtime.http.limits.held_pages.HOLD_TIMEOUT", -1.0)
    pages.put(CLIENT, SIZE, lambda: False, fail)
    with pytest.raises(MemoryError):
        pages.sweep()
    assert (pages.held.total, pages.held.clients) == (0, {})
