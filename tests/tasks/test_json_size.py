"""Results that are too large are refused before they are copied."""

import json
from typing import Any

import pytest

from djbundle.common.json_size import exceeds
from djbundle.tasks.store.outcome import MAX_RESULT, encoded


def doubled(levels: int) -> list[Any]:
    """Return a list that is small in memory, and enormous when it is written down."""
    inner: list[Any] = ["x"]
    for _ in range(levels):
        inner = [inner, inner]
    return inner


def in_itself() -> list[Any]:
    around: list[Any] = []
    around.append(around)
    return around


TOO_MUCH: dict[str, Any] = {
    "text": "x" * (MAX_RESULT + 1),
    "many": [0] * (MAX_RESULT + 1),
    "doubled": doubled(60),
    "in itself": in_itself(),
    "in a dict": {"a": [{"b": ["x" * (MAX_RESULT // 2)]}], "c": "x" * (MAX_RESULT // 2 + 1)},
    "same text": ["x" * 1000] * (MAX_RESULT // 500),
    "numbers": [10**4000] * (MAX_RESULT // 2000),
}


@pytest.mark.parametrize("value", TOO_MUCH.values(), ids=TOO_MUCH)
def test_too_much_is_refused_without_a_copy(value: Any) -> None:
    """An implementation that copies first would report the actual size."""
    with pytest.raises(ValueError, match="this one returned more"):
        encoded(value)


@pytest.mark.parametrize(
    "value", [1, -1, 0, 10**50, "", "äöü" * 9, [], {}, [[]], {"a": {}}, [None, True, 1.5], {"a": [1, "b"] * 9}, b"ab"]
)
def test_no_value_counts_for_more_than_its_json(value: Any) -> None:
    text = encoded(value)
    assert text is not None
    assert not exceeds(value, len(text))
    assert json.loads(text) == (value.decode() if isinstance(value, bytes) else value)
